import { uuidv7 } from '../../../gateway/envelope/index.ts';
import { addRun, call, question } from './agent-runs.ts';
import { paymentCard } from './cards.ts';
import type { WebStandIn } from './stand-in.ts';

/** Runs in each state, with long names and long texts. @returns one that waits for people, and one that is over */
export async function runsForLooks(web: WebStandIn): Promise<{ waiting: string; over: string }> {
  const { pool } = web;
  const asked = web.state.decision;
  await pool.query(
    `insert into approvals (id, root, state, kind, groups, quorum, requester, run_id, execution_id, node_id, item_index, deadline)
     values ($1, $1, 'pending', 'approve', '{approvers}', 2, 'requester', $2, 'agent', '', 0, now() + interval '2 hours')`,
    [asked, uuidv7()],
  );
  const card = paymentCard({ id: asked, requester: { principal: 'requester', display: 'Robin Requester' } });
  web.state.cards.set(asked, card);
  const long = 'The overdue invoices are 4711 and 4712, both of ACME. '.repeat(12);
  const used = {
    model_steps: 2,
    calls: 3,
    tokens_in: 5230,
    tokens_out: 412,
    cost: 10_657,
    active_ms: 41_300,
  };
  const steps = [
    ...question(long),
    ...call('c1_0', 'ledger.balance', '{"account":"main"}', { status: 'succeeded', receipt: uuidv7() }),
    ...call('c1_1', null, '{}', { status: 'denied' }),
    {
      kind: 'message',
      digest: null,
      content: { text: 'Only those of May, please.' },
      facts: { by: 'person' },
    },
    ...question('I will pay both.'),
    ...call('c5_0', 'ledger.transfer', JSON.stringify({ payee: 'ACME', amount: '5000.00', currency: 'EUR' })),
    { kind: 'decision', facts: { call: 'c5_0', decision: asked, status: 'needs_approval' } },
    { kind: 'wait', facts: { call: 'c5_0', decision: asked } },
  ];
  const ended = (change: Record<string, unknown>): Record<string, unknown> => ({
    ...{ finished_at: new Date(), ...used },
    ...change,
  });
  for (const [ago, cost] of [18_200, 0, 244_000, 91_500, 0, 130_000].entries())
    if (cost > 0)
      await addRun(
        pool,
        { ...ended({ state: 'done', ended_by: 'answer' }), task: ago % 2 === 0 ? 'extract' : 'draft' },
        question('Fine.', { cost, at: new Date(Date.now() - (ago + 1) * 86_400_000) }),
      );
  await addRun(
    pool,
    { ...ended({ state: 'failed', ended_by: 'model_unavailable' }), principal: 'approver-a' },
    [...question('x', { model: 'a-model-with-a-very-long-name-that-somebody-chose-in-models.yaml' })],
  );
  await addRun(pool, { ...used, state: 'paused', task: 'summarise' }, question('Half of it.'));
  const over = await addRun(
    pool,
    ended({
      state: 'stopped',
      ended_by: 'budget',
      result: {
        text: 'The budget of this run is 0.50 EUR, 0.48 EUR are used, and the next step may take 0.04 EUR.\nUntil then: ledger.balance succeeded.',
      },
    }),
    steps,
  );
  const waiting = await addRun(pool, { ...used, state: 'waiting', waits_for: [asked] }, steps);
  await addRun(pool, { state: 'running' }, question('x').slice(0, 1));
  return { waiting, over };
}
