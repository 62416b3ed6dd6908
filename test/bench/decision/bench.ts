import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { freePorts } from '../../../gateway/cli/up/index.ts';
import { policyInput, type Call, type RunContext } from '../../../gateway/policy/index.ts';
import { readApprovalClasses } from '../../../gateway/policy/approval-classes.ts';
import { entrypoint } from '../../../gateway/policy/build.ts';
import { loadPolicySync, wasmEngine } from '../../../gateway/policy/engine.ts';
import { judge } from '../../../gateway/policy/judge.ts';
import { questionOf } from '../../../gateway/policy/question.ts';
import type { Bench } from '../main.ts';
import { atMost, median, ratios } from '../report.ts';
import { measureDurable } from './durable.ts';
import { measureMatrix } from './matrix/matrix.ts';
import { startOpa, type OpaServer } from './opa.ts';

const policiesDir = join(import.meta.dirname, '../../../policies');
const rounds = 7;
const turns = 15;

const run: RunContext = {
  runId: '00000000-0000-7000-8000-000000000001',
  messageId: 'web:local:requester:1:0',
  sessionKey: 'session-of-the-bench',
  principal: 'requester',
  actor: { principal: 'requester', display: 'Robin', roles: ['member'], groups: [], standing: 'member' },
  channel: { kind: 'web', visibility: 'dm' },
  command: { name: 'pay', words: ['120', 'EUR', 'ACME', 'invoice-42'] },
  text: '/pay 120 EUR ACME invoice-42',
  ingress: 'session',
  callsLeft: 50,
};
/** One call that is allowed and gets a grant, and one that is the demo's largest input. */
const calls: Record<string, Call> = {
  balance: { tool: 'ledger.balance', args: {}, step: 'node:0:0' },
  transfer: {
    tool: 'ledger.transfer',
    args: { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' },
    step: 'node:0:0',
  },
};

/**
 * Deciding, against bare evaluation, an OPA server, and an OPA server with one audit row; and by how many rows and rules
 * there are, beside other engines.
 */
export const bench: Bench = async (say) => {
  const { data } = await readApprovalClasses(policiesDir);
  const ports = await freePorts();
  const opa = await startOpa(policiesDir, { approvals: data }, ports.internal);
  try {
    const inProcess = await measureInProcess(opa, say);
    const durable = await measureDurable(policiesDir, opa, say);
    const matrix = await measureMatrix(say);
    return {
      results: [...inProcess.results, ...durable.results, ...matrix.results],
      bars: [...inProcess.bars, ...durable.bars, ...matrix.bars],
      tables: matrix.tables,
    };
  } finally {
    await opa.stop();
  }
};

async function measureInProcess(opa: OpaServer, say: (text: string) => void): ReturnType<Bench> {
  const catalogue = loadCatalogue(policiesDir);
  const { data } = await readApprovalClasses(policiesDir);
  const wasm = await readFile(join(policiesDir, 'policy.wasm'));
  const engine = wasmEngine(wasm, { approvals: data });
  const bareEngine = loadPolicySync(wasm);
  bareEngine.setData({ approvals: data });
  const rules = { engine, catalogue, clock: () => new Date() };
  const dispatcher = new Agent({ connections: 1, pipelining: 1 });
  const results = [];
  const bars = [];
  for (const [name, call] of Object.entries(calls)) {
    const tool = catalogue.get(call.tool);
    if (!tool) throw new Error(`the catalogue lacks ${call.tool}`);
    const input = await policyInput(rules, { run, tool, args: call.args as Record<string, unknown> });
    const body = JSON.stringify({ input });
    const askOpa = async (): Promise<void> => {
      const answer = await request(opa.url, {
        dispatcher,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      await answer.body.json();
    };
    const judged: number[] = [];
    const bare: number[] = [];
    const rest: number[] = [];
    // The first round warms up and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      const samples: [number[], number[], number[]] = [[], [], []];
      // They take turns, so that whatever else the machine does meets all three alike.
      for (let turn = 0; turn < turns; turn += 1) {
        await time(samples[0], 200, async () => void (await judge(rules, questionOf(catalogue, run, call))));
        await time(samples[1], 200, () => void bareEngine.evaluate(input, entrypoint));
        await time(samples[2], 30, askOpa);
      }
      if (round === 0) continue;
      [judged, bare, rest].forEach((list, index) => list.push(median(samples[index] ?? [])));
    }
    say(`decision: ${name} measured in process`);
    results.push(
      { what: `${name}: canonicalise, evaluate, grant; p50`, value: median(judged), unit: 'µs' },
      { what: `${name}: bare evaluation; p50`, value: median(bare), unit: 'µs' },
      { what: `${name}: round trip to OPA's server; p50`, value: median(rest), unit: 'µs' },
    );
    bars.push(
      atMost(`${name}: decide in process ÷ bare evaluation`, median(ratios(judged, bare)), 2),
      atMost(`${name}: decide in process ÷ round trip to OPA`, median(ratios(judged, rest)), 0.4),
    );
  }
  await dispatcher.close();
  return { results, bars };
}

/** Adds the duration of each call, in microseconds. */
async function time(samples: number[], times: number, work: () => void | Promise<void>): Promise<void> {
  for (let index = 0; index < times; index += 1) {
    const begun = process.hrtime.bigint();
    const pending = work();
    if (pending) await pending;
    samples.push(Number(process.hrtime.bigint() - begun) / 1000);
  }
}
