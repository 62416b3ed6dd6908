import { gateOf, type DecisionOptions, type House } from './support.ts';

/** The call that the tests of edits ask for, and change. */
export const args = { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };

interface Row {
  kind: string;
  facts: Record<string, unknown>;
  args: unknown;
}

/** What the tests of edits do in a house. */
export function editing(house: () => House) {
  return {
    asked: async (options?: DecisionOptions) => {
      const decision = await house().decision({ args, ...options });
      const gate = gateOf([decision]);
      await house().approvals.register(decision.run, gate);
      return { ...decision, gate };
    },
    edit: async (of: { id: string; digest: string }, change: object, principal = 'approver-a') =>
      house().approvals.edit({
        approvalId: of.id,
        principal,
        args: { ...args, ...change },
        channel: 'web',
        shownDigest: of.digest,
      }),
    vote: (id: string, principal: string, verdict: 'approve' | 'reject' = 'approve') =>
      house().approvals.vote({ approvalId: id, principal, verdict, channel: 'web' }),
    rows: async (sql: string, id: string) => (await house().database.pool.query<Row>(sql, [id])).rows,
  };
}

/** Forgets what the tests before did. */
export function asNew({ seen, unreachable, policy }: House): void {
  for (const list of Object.values(seen)) list.length = 0;
  unreachable.clear();
  Object.assign(policy, { refusal: null, effect: 'approve', quorum: 1 });
}
