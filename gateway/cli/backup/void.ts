import { recordReceipts, type ReceiptKind } from '../../audit/index.ts';
import { GatehouseError } from '../../config/index.ts';
import type { Pool, Queryable, Transaction } from '../../db/index.ts';

/**
 * Ends what a database of the past still has before it, and leaves the receipt of it. Grants and questions are void by
 * their epoch; those who wait are told when the gateway starts, and what was in flight becomes `unknown` there, before
 * anything is served. What has no epoch is ended here: messages and replies that may have been dealt with since, runs, and
 * whatever lets somebody in.
 * @param facts of the receipt
 */
export async function voidOpen(
  tx: Transaction,
  kind: ReceiptKind & ('epoch' | 'restore'),
  facts: { epoch: number; reason: string; by: string; lost: number },
): Promise<Voided> {
  const { rows } = await tx.query<Voided>(
    `select (select count(*)::int from grants where consumed_at is null and epoch < $1) as grants,
       (select count(*)::int from approvals where state = 'pending') as questions,
       (select count(*)::int from attempts where finished_at is null) as attempts,
       (select count(*)::int from messages where finished_at is null) as messages,
       (select count(*)::int from outbox where state = 'queued') as replies`,
    [facts.epoch],
  );
  const voided = rows[0] as Voided;
  await tx.query(
    `update messages set state = 'dead', finished_at = now(), problem = $1
     where state in ('queued', 'limited', 'running', 'waiting')`,
    [
      {
        code: 'GH-EPOCH-001',
        reason: 'The database was put back or taken over; it may have been handled since.',
      },
    ],
  );
  await tx.query(
    `update outbox set state = 'dead', body = null, problem = 'a new epoch began' where state = 'queued'`,
  );
  await tx.query(
    `update runs set state = 'lost', finished_at = now(), job_id = null where state in ('running', 'waiting')`,
  );
  for (const table of [
    'web_sessions',
    'web_logins',
    'terminal_logins',
    'terminal_sessions',
    'approval_tokens',
    'pairings',
  ])
    await tx.query(`delete from ${table}`);
  await tx.query(`update standing_grants set revoked_at = now() where revoked_at is null`);
  await tx.query('drop schema if exists pgboss cascade');
  recordReceipts(tx, [{ kind, facts: { ...facts, ...voided } }]);
  return voided;
}

/** How much was open. */
export interface Voided {
  grants: number;
  questions: number;
  attempts: number;
  messages: number;
  replies: number;
}

/** @throws GatehouseError `GH-CLI-412` while a gateway is connected to the database */
export async function refuseWhileServed(db: Pool | Queryable): Promise<void> {
  const { rows } = await db.query(
    `select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
       and application_name like 'gatehouse %' and application_name <> current_setting('application_name')`,
  );
  if (rows.length === 0) return;
  throw new GatehouseError('GH-CLI-412', 'A gateway works on this database.', {
    status: 409,
    next: 'Stop every gateway first; nothing was changed.',
  });
}

/** As people read it. */
export const told = ({ grants, questions, attempts, messages, replies }: Voided): string =>
  `Void: ${grants} unused grants, ${questions} open questions, ${messages} messages and ${replies} replies that waited. ` +
  `Calls in flight, whose outcome is unknown: ${attempts}.\n`;
