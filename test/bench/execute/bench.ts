import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { shareTransactions, transaction } from '../../../gateway/db/index.ts';
import { createTools } from '../../../gateway/tools/index.ts';
import { policiesDir, runOf } from '../../unit/policy/support.ts';
import { bench as toolBench } from '../../unit/tools/support.ts';
import type { Bench } from '../main.ts';
import { atLeast, atMost, median, ratios } from '../report.ts';
import { startServer } from '../server.ts';

const rounds = 5;
const inFlight = 32;
const conversations = 1000;
const secondsPerRound = Number(process.env.GATEHOUSE_BENCH_SECONDS ?? 4);
const secret = 'bench/token';
const token = 'canary-of-the-bench';

interface Round {
  perSecond: number;
  p50Ms: number;
  /** Of this process, a call. */
  cpuMs: number;
}

/** Keeps so many calls in flight for some seconds. */
async function load(call: () => Promise<void>): Promise<Round> {
  const times: number[] = [];
  const used = process.cpuUsage();
  const began = performance.now();
  const end = began + secondsPerRound * 1000;
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      const from = performance.now();
      await call();
      times.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  const { user, system } = process.cpuUsage(used);
  return {
    perSecond: (times.length * 1000) / (performance.now() - began),
    p50Ms: median(times),
    cpuMs: (user + system) / 1000 / times.length,
  };
}

const tool = (url: string): object => ({
  name: 'bench.read',
  title: 'Read',
  description: 'Reads one record.',
  risk: 'read',
  args: {
    type: 'object',
    properties: { record: { type: 'integer', minimum: 1, maximum: 999 } },
    required: ['record'],
    additionalProperties: false,
  },
  kinds: { record: 'selects' },
  example: { record: 17 },
  sentence: 'Read {record}',
  done: 'Read {record}.',
  idempotencyKey: 'attempt',
  connector: {
    kind: 'rest',
    api: {
      title: 'The bench',
      url,
      privateNetworks: ['127.0.0.0/8'],
      plainHttp: true,
      auth: { kind: 'bearer', secret },
    },
    method: 'GET',
    path: '/records/{record}',
    returns: '{id: id, state: state}',
  },
});

/** A call on its whole way — decision, grant, lease, HTTP, receipt — beside the bare request and its own two rows. */
export const bench: Bench = async (say) => {
  const vendor = await startServer<{ url: string }>(join(import.meta.dirname, 'vendor.ts'), 'vendor', {});
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-bench-execute-'));
  await cp(policiesDir, folder, { recursive: true });
  await writeFile(join(folder, 'tools', 'bench.read.yaml'), JSON.stringify(tool(vendor.ready.url)));
  const at = await toolBench({}, folder, 20);
  const agent = new Agent();
  try {
    await at.store.set(secret, token);
    const { pool } = at.db;
    await pool.query(
      'create table bench_calls (id bigint generated always as identity primary key, about text)',
    );
    const tools = createTools(at.deps);
    let step = 0;
    const ours = async (): Promise<void> => {
      step += 1;
      const call = { tool: 'bench.read', args: { record: 17 }, step: 'node:0:0' };
      // Each for a message of its own, as messages are: what a conversation read before is looked at by each decision.
      const run = runOf({
        messageId: `web:local:bench:${step}:0`,
        sessionKey: `session ${step % conversations}`,
      });
      const { status, text } = await tools.execute(run, call);
      if (status !== 'succeeded') throw new Error(`${status}: ${text}`);
    };
    const row = { name: 'bench-call', text: 'insert into bench_calls (about) values ($1)' };
    const ask = async (): Promise<string> => {
      const { body } = await request(`${vendor.ready.url}/records/17`, {
        dispatcher: agent,
        headers: { authorization: `Bearer ${token}` },
      });
      return body.text();
    };
    const bare = async (): Promise<void> => {
      const answer = await ask();
      await transaction(pool, (tx) => {
        tx.send({ ...row, values: ['asked'] });
        tx.send({ ...row, values: [answer] });
      });
    };
    // What remains of ours without what it decides and attests: a shared commit before the request, and one after it.
    const [before, after] = [shareTransactions(pool), shareTransactions(pool)];
    const rows = {
      name: 'bench-calls',
      text: 'insert into bench_calls (about) select about from json_to_recordset($1) as t (about text)',
    };
    const floor = async (): Promise<void> => {
      await before((tx) => tx.gather(rows, { about: 'asked' }));
      const about = await ask();
      await after((tx) => tx.gather(rows, { about }));
    };
    const found: Record<'ours' | 'bare' | 'floor', Round[]> = { ours: [], bare: [], floor: [] };
    // The first round warms up and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      const all = { bare: await load(bare), ours: await load(ours), floor: await load(floor) };
      say(
        `execute, round ${round}: ${Math.round(all.ours.perSecond)} of ${Math.round(all.bare.perSecond)} calls/s`,
      );
      if (round === 0) continue;
      found.bare.push(all.bare);
      found.ours.push(all.ours);
      found.floor.push(all.floor);
    }
    const rate = (list: Round[]): number[] => list.map(({ perSecond }) => perSecond);
    const p50 = (list: Round[]): number[] => list.map(({ p50Ms }) => p50Ms);
    const cpu = (list: Round[]): number => median(list.map(({ cpuMs }) => cpuMs));
    return {
      results: [
        { what: 'decided and executed calls, 32 in flight', value: median(rate(found.ours)), unit: '/s' },
        { what: 'the same, p50', value: median(p50(found.ours)), unit: 'ms' },
        { what: 'the same, processor time of the gateway a call', value: cpu(found.ours), unit: 'ms' },
        { what: 'bare requests with two rows, 32 in flight', value: median(rate(found.bare)), unit: '/s' },
        { what: 'the same, p50', value: median(p50(found.bare)), unit: 'ms' },
        { what: 'the same, processor time of the process a call', value: cpu(found.bare), unit: 'ms' },
        {
          what: 'requests between two shared commits of a row, 32 in flight',
          value: median(rate(found.floor)),
          unit: '/s',
        },
        { what: 'the same, p50', value: median(p50(found.floor)), unit: 'ms' },
        { what: 'the same, processor time of the process a call', value: cpu(found.floor), unit: 'ms' },
      ],
      bars: [
        atLeast(
          'executed calls ÷ bare requests with two rows',
          median(ratios(rate(found.ours), rate(found.bare))),
          0.4,
        ),
        atMost(
          'p50 of executed calls ÷ of bare requests',
          median(ratios(p50(found.ours), p50(found.bare))),
          3,
        ),
      ],
    };
  } finally {
    await agent.close();
    await at.close();
    await vendor.stop();
    await rm(folder, { recursive: true });
  }
};
