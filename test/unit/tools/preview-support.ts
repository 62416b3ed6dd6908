import assert from 'node:assert/strict';
import { createApprovals, type Approvals, type Card } from '../../../gateway/approvals/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import type { Delivery } from '../../../gateway/delivery/index.ts';
import { uuidv7 } from '../../../gateway/envelope/index.ts';
import { createPeople } from '../../../gateway/sessions/index.ts';
import { createTools, type Execution, type Tools } from '../../../gateway/tools/index.ts';
import { policiesDir, runOf } from '../policy/support.ts';
import { bench, type Bench } from './support.ts';

export const payment = {
  tool: 'ledger.transfer',
  args: { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' },
};
export const deletion = { tool: 'customers.delete', args: { customer: '7' } };
export const priceChange = { tool: 'prices.update', args: { product: 'team', price: '59.00' } };

export interface Call {
  tool: string;
  args: Record<string, string>;
}

/** What a card states, a fact a line. */
export const facts = (card: Card): string[] => card.facts.map(({ label, value }) => `${label}: ${value}`);

/** The bench of the tools with approvals whose cards show what the calls would do. */
export async function openPreviews() {
  const at: Bench = await bench();
  const people = await createPeople({ pool: at.db.pool, policiesDir });
  /** What people were told, requester and approvers alike. */
  const said: string[] = [];
  const notify: Delivery['notify'] = async (_tx, { principal, body }) => {
    const text =
      typeof body === 'function'
        ? (await body({ channel: 'web', account: 'local', id: principal })).text
        : body.text;
    said.push(`${principal}: ${text}`);
    return 1;
  };
  const approvals: Approvals = createApprovals({
    pool: at.db.pool,
    signals: { on: () => () => undefined },
    policy: at.policy,
    catalogue: at.catalogue,
    people,
    preview: (call) => at.deps.preview(call),
    delivery: {
      reply: (_tx, { body }) => Promise.resolve((said.push(`requester: ${body.text}`), null)),
      notify,
      notifyAll: (tx, notices) => Promise.all(notices.map((notice) => notify(tx, notice))),
      runContext: () => Promise.resolve(null),
      runWaiting: () => Promise.resolve(),
      runResumed: () => Promise.resolve(true),
      runAgain: () => Promise.resolve(true),
      runDone: () => Promise.resolve(true),
    },
    settings: { publicUrl: 'https://gate.example.com', n8nUrl: 'http://127.0.0.1:9', approvalSeconds: 600 },
    signingSecret: `whsec_${Buffer.from('a signing secret of the tests....').toString('base64')}`,
    clock: () => new Date(),
    log: createLogger('silent'),
  });
  at.deps.approvals = approvals;
  const tools: Tools = createTools(at.deps);
  let runId = uuidv7();

  const on = {
    at,
    approvals,
    tools,
    said,
    /** Which message it is about. */
    turn: 0,

    /** Begins another message in a run of its own. */
    next(): void {
      on.turn += 1;
      runId = uuidv7();
      said.length = 0;
    },

    run: () => ({
      ...runOf({ messageId: `web:local:p1:${on.turn}:0`, words: ['120', 'EUR', 'ACME', 'invoice-42', '7'] }),
      runId,
      sessionKey: `preview-${on.turn}`,
    }),

    /** Decides a call and asks about it. */
    async asked(call: Call): Promise<{ id: string; state: string; reason: string | null }> {
      const decision = await at.policy.decide(on.run(), { ...call, step: 'check:0:0' });
      assert.match(decision.effect, /approve|confirm/);
      const { id } = decision;
      const executionId = `${on.turn}`;
      const path = `/webhook-waiting/${executionId}/n?approval=${id}&signature=feed`;
      const gate = { executionId, nodeId: 'n', items: [{ decision: id, resumePath: path }] };
      const [made] = (await approvals.register(on.run(), gate)).approvals;
      return { id, state: made?.state ?? '', reason: made?.outcome?.reason ?? null };
    },

    /** Lets as many approve as have to. @returns the state then */
    async vote(id: string): Promise<string> {
      const ballot = { approvalId: id, verdict: 'approve' as const, channel: 'web' };
      const card = await approvals.card(id);
      const { binding } = card;
      for (const principal of card.approvers.map((one) => one.principal).slice(0, card.quorum)) {
        await approvals.vote({ ...ballot, principal, shownDigest: binding });
      }
      return (await approvals.card(id)).state;
    },

    async approved(call: Call): Promise<string> {
      const { id } = await on.asked(call);
      assert.equal(await on.vote(id), 'approved');
      return id;
    },

    /** Does a call with the grant that its message has. */
    async execute(call: Call): Promise<Execution> {
      const { rows } = await at.db.pool.query<{ id: string }>('select id from grants where message_id = $1', [
        on.run().messageId,
      ]);
      return tools.execute(on.run(), { ...call, step: 'x:0:0', grant: rows[0]?.id });
    },

    payments: async (): Promise<number> =>
      (await at.demo.query(`select from ledger where payee is not null`)).rows.length,

    receipts: async (kind: string): Promise<Record<string, unknown>[]> =>
      (
        await at.db.pool.query<{ facts: Record<string, unknown> }>(
          'select facts from receipts where kind = $1 and message_id = $2 order by arrival',
          [kind, on.run().messageId],
        )
      ).rows.map((row) => row.facts),

    /** Changes the system of record behind everybody's back. */
    change: (sql: string): Promise<unknown> => at.demo.query(sql),
  };
  return on;
}

export type Previews = Awaited<ReturnType<typeof openPreviews>>;
