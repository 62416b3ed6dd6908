import type { Pool } from '../../../gateway/db/index.ts';
import { uuidv7 } from '../../../gateway/envelope/index.ts';

type Row = Record<string, unknown>;

/** Stores a run of the agent as its room would have. @returns its id */
export async function addRun(pool: Pool, change: Row = {}, steps: readonly Row[] = []): Promise<string> {
  const id = uuidv7();
  await pool.query(`insert into agent_runs select * from jsonb_populate_record(null::agent_runs, $1)`, [
    JSON.stringify({
      ...{ id, run_id: uuidv7(), message_id: `web:${id}`, session_key: 's', principal: 'requester' },
      ...{ step: 'a', digest: id, task: 'plan', state: 'running', waits_for: [], claim: 1 },
      ...{
        last_step: steps.length,
        model_steps: 0,
        calls: 0,
        tokens_in: 0,
        tokens_out: 0,
        cost: 0,
        active_ms: 0,
      },
      opening: {
        prompt: { name: 'plan', version: 2, digest: 'sha256:1' },
        tools: ['ledger.balance', 'ledger.transfer'],
      },
      request: { budget: {} },
      created_at: new Date(),
      ...change,
    }),
  ]);
  await addSteps(pool, id, steps, 1);
  return id;
}

/** Adds steps to a run, from this number on. */
export async function addSteps(pool: Pool, run: string, steps: readonly Row[], from: number): Promise<void> {
  for (const [index, step] of steps.entries())
    await pool.query(`insert into agent_steps select * from jsonb_populate_record(null::agent_steps, $1)`, [
      JSON.stringify({ run_id: run, number: from + index, facts: {}, at: new Date(), ...step }),
    ]);
}

const digest = `sha256:${'3fa1b2'.repeat(10)}abcd`;

/** A question with the answer that it got. */
export const question = (text: string, more: Row = {}): Row[] => [
  {
    kind: 'prompt',
    digest,
    model: 'large',
    facts: { dataClass: 'internal', endpoint: 'cloud', passed: ['small:context'], estimated: 900 },
  },
  {
    ...{ kind: 'answer', digest, model: 'large', tokens_in: 812, tokens_out: 64, cost: 1_655 },
    content: { text, calls: [] },
    facts: { finish: 'stop' },
    ...more,
  },
];

/** A call as its steps, up to its result. */
export const call = (id: string, tool: string | null, args: string, result?: Row): Row[] => [
  {
    kind: 'call',
    digest,
    content: { name: tool ?? 'rm', args },
    facts: { call: id, tool, digest },
  },
  ...(result
    ? [
        {
          kind: 'result',
          digest,
          content: { text: 'status: succeeded' },
          facts: { call: id, tool, ...result },
        },
      ]
    : []),
];
