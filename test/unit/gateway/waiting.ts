import { newToken, uuidv7 } from '../../../gateway/envelope/index.ts';
import { bindingDigest, callDigest } from '../../../gateway/policy/index.ts';
import type { TestDatabase } from '../../support/postgres.ts';

/** The payment that these requests are about. */
export const args = { amount: '5000.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };
const { digest } = callDigest('ledger.transfer', args);

/**
 * Stores a payment that somebody asked for and that waits for two approvers.
 * @param rules under which it was asked; a gateway ends it when it reads its files again, unless they are those in force
 * @returns its id, and what a vote carries
 */
export async function storeWaiting(
  { pool }: Pick<TestDatabase, 'pool'>,
  requester = 'requester',
  payment: typeof args = args,
  rules = { policy: 'v1', epoch: 0 },
): Promise<{ id: string; binding: string }> {
  const [id, runId] = [newToken('dec'), uuidv7()];
  const messageId = `web:local:${requester}:${runId}:0`;
  const call = payment === args ? digest : callDigest('ledger.transfer', payment).digest;
  await pool.query(
    `insert into messages (id, channel, session_key, principal, event, state)
     values ($1, 'web', 's', $2, 'command', 'waiting')`,
    [messageId, requester],
  );
  await pool.query(
    `insert into runs (id, message_id, token_hash, session_key, principal, actor, calls_left, lease_until, state)
     values ($1, $2, $3, 's', $4, '{"display":"Robin"}', 5, now() + interval '10 min', 'waiting')`,
    [runId, messageId, Buffer.from(runId), requester],
  );
  await pool.query(
    `insert into decisions (id, message_id, run_id, session_key, principal, step, tool, args, digest, effect, reasons,
       provenance, policy_version, epoch, expires_at)
     values ($1, $2, $3, 's', $4, $1, 'ledger.transfer', $6, $5,
       'approve', '[]', '[]', $7, $8, now() + interval '1 h')`,
    [id, messageId, runId, requester, call, JSON.stringify(payment), rules.policy, rules.epoch],
  );
  const deadline = new Date(Date.now() + 3_600_000);
  const binding = bindingDigest({
    call,
    actor: requester,
    session: 's',
    ...rules,
    preview: null,
    deadline,
  });
  await pool.query(
    `insert into approvals (id, root, kind, groups, quorum, requester, run_id, execution_id, node_id, item_index, resume_path,
       deadline, binding)
     values ($1, $1, 'approve', '{approvers}', 2, $2, $3, '1', 'n', 0, '/webhook-waiting/1/n', $4, $5)`,
    [id, requester, runId, deadline, binding],
  );
  return { id, binding };
}
