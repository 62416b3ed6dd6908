import { createRequire } from 'node:module';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpPolicyClient, wasmPolicyClient } from '@ai-sdk/policy-opa';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type * as Toolkit from '@microsoft/agent-governance-sdk';
import { loadCatalogue } from '../../../../gateway/catalogue/index.ts';
import { freePorts } from '../../../../gateway/cli/up/index.ts';
import { approversEntrypoint, entrypoint } from '../../../../gateway/policy/build.ts';
import { loadPolicySync, wasmEngine } from '../../../../gateway/policy/engine.ts';
import { judge } from '../../../../gateway/policy/judge.ts';
import { questionOf } from '../../../../gateway/policy/question.ts';
import type { Table } from '../../report.ts';
import { serveOpa } from '../opa.ts';
import { asked, timed } from './cases.ts';
import { approvalBy, cedarOutcome, compileRego } from './peers.ts';

const { OPABackend, PolicyEngine } = createRequire(import.meta.url)(
  '@microsoft/agent-governance-sdk',
) as typeof Toolkit;

/** Rules without an answer, and rules with two at once, over which OPA stops with an error. */
const silent = (name: string): string =>
  `package ${name}\n\ndecision := {"decision": "allow"} if input.never\n`;
const broken = (name: string): string =>
  `package ${name}\n\ndecision := {"decision": "allow"} if input\n\ndecision := {"decision": "deny"} if input\n`;

/** What becomes of a call; undefined where the engine leaves it to its caller. */
type Attempt = () => Promise<string | undefined> | string | undefined;

/** Asks every engine what it has no answer to. */
export async function faults(): Promise<Table> {
  const port = (await freePorts()).internal;
  const [ours, theirs, cedarSaid] = [await ourFaults(), await regoFaults(port), cedarFaults()];
  const rows = { ...ours, ...theirs, '@cedar-policy/cedar-wasm': cedarSaid };
  return {
    title: 'Does it deny where there is no answer?',
    columns: ['engine', 'an undefined result', 'an engine that throws or cannot be reached'],
    rows: await Promise.all(
      Object.entries(rows).map(async ([name, [none, thrown]]) => [
        name,
        await said(none),
        await said(thrown),
      ]),
    ),
  };
}

async function said(attempt: Attempt): Promise<string> {
  try {
    const outcome = await attempt();
    if (outcome === undefined) return 'no: its caller gets no answer';
    return outcome.startsWith('den') ? 'yes' : `no: ${outcome}`;
  } catch {
    return 'no: its caller gets an exception';
  }
}

async function ourFaults(): Promise<Record<string, [Attempt, Attempt]>> {
  const catalogue = loadCatalogue(join(import.meta.dirname, '../../../../policies'));
  const { run } = asked(timed, 0);
  const question = questionOf(catalogue, run, { tool: 'ledger.balance', args: {}, step: 'node:0:0' });
  const ask = async (rego: string): Promise<string> => {
    const wasm = await compileRego(`${rego}\nwould_ask := null\n`, [entrypoint, approversEntrypoint]);
    const engine = wasmEngine(wasm, {});
    return (await judge({ engine, catalogue, clock: () => new Date() }, question)).verdict.effect;
  };
  return { Gatehouse: [() => ask(silent('gatehouse')), () => ask(broken('gatehouse'))] };
}

/** Engines that evaluate Rego, in process or by asking an OPA that answers nothing or is gone. */
async function regoFaults(port: number): Promise<Record<string, [Attempt, Attempt]>> {
  const none = await compileRego(silent('agent.call'));
  const conflict = await compileRego(broken('agent.call'));
  const bare = (wasm: Buffer): string | undefined => {
    const [answer] = loadPolicySync(wasm).evaluate({}) as { result: { decision: string } }[];
    return answer?.result.decision;
  };
  const call = { toolName: 'books0.pay', toolCallId: 'call_1', input: {} };
  const status = async (wasm: Buffer): Promise<string> =>
    approvalBy(await wasmPolicyClient({ wasm }))(call, {});
  const overHttp = (url: string): Promise<string> => approvalBy(httpPolicyClient({ url }))(call, {});
  const backend = async (endpoint: string): Promise<string> => {
    const engine = new PolicyEngine([{ action: '*', effect: 'allow' }]);
    engine.registerBackend(new OPABackend({ endpoint, policyPath: 'agent/call/decision' }));
    return (await engine.evaluateWithBackends('books0.pay', {})).effectiveDecision;
  };
  const rest = async (endpoint: string): Promise<string | undefined> => {
    const body = JSON.stringify({ input: {} });
    const answer = await fetch(`${endpoint}/v1/data/agent/call/decision`, { method: 'POST', body });
    return ((await answer.json()) as { result?: { decision: string } }).result?.decision;
  };
  const nobody = 'http://127.0.0.1:9';
  const silentOpa = (ask: (url: string) => Promise<string | undefined>): Attempt => {
    return () => withSilentOpa(port, ask);
  };
  return {
    'bare opa-wasm': [() => bare(none), () => bare(conflict)],
    'OPA REST': [silentOpa(rest), () => rest(nobody)],
    '@ai-sdk/policy-opa, wasm': [() => status(none), () => status(conflict)],
    '@ai-sdk/policy-opa, HTTP': [silentOpa(overHttp), () => overHttp(nobody)],
    '@microsoft/agent-governance-sdk': [
      () => new PolicyEngine([]).evaluatePolicy('requester', {}).action,
      () => backend(nobody),
    ],
  };
}

let turn: Promise<unknown> = Promise.resolve();

/** Asks a real OPA whose rule is undefined; one after the other, since they share a port. */
function withSilentOpa<Answer>(port: number, ask: (url: string) => Promise<Answer>): Promise<Answer> {
  const asking = turn.then(async () => {
    const work = await mkdtemp(join(tmpdir(), 'gatehouse-bench-silent-'));
    await writeFile(join(work, 'silent.rego'), silent('agent.call'));
    const server = await serveOpa([work], 'agent/call/decision', port);
    try {
      return await ask(`http://127.0.0.1:${port}`);
    } finally {
      await server.stop();
      await rm(work, { recursive: true });
    }
  });
  turn = asking.catch(() => undefined);
  return asking;
}

function cedarFaults(): [Attempt, Attempt] {
  const decide = (policies: string): string | undefined =>
    cedarOutcome(
      cedar.isAuthorized({
        principal: { type: 'Person', id: 'requester' },
        action: { type: 'Action', id: 'call' },
        resource: { type: 'Tool', id: 'books0.pay' },
        context: {},
        policies: { staticPolicies: policies },
        entities: [],
      }),
    );
  // Reads what is not there, which is an error: the rest of the policies decides.
  const failing =
    'permit(principal, action, resource); forbid(principal, action, resource) when { context.cents > 0 };';
  return [() => decide(''), () => decide(failing)];
}
