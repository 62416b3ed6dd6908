import type { Queryable } from '../db/index.ts';
import { hashToken, newToken } from '../envelope/index.ts';
import type { ApprovalRow } from './store.ts';
import type { ApprovalsDeps } from './types.ts';

/** Links of one person to one approval that work at once: the notice's and the last few that pages made. */
const kept = 4;

/**
 * Makes a personal token and the link to the n8n form that carries it in the fragment, which no server ever sees.
 * Only its hash is stored. Older links of the same person keep working, up to a few.
 * @returns the absolute URL
 */
export async function personalLink(
  deps: Pick<ApprovalsDeps, 'settings'>,
  db: Queryable,
  approval: Pick<ApprovalRow, 'id' | 'resumePath'>,
  principal: string,
): Promise<string> {
  const token = newToken('vote');
  await db.query(`insert into approval_tokens (token_hash, approval_id, principal) values ($1, $2, $3)`, [
    hashToken(token),
    approval.id,
    principal,
  ]);
  await db.query(
    `delete from approval_tokens where token_hash in (select token_hash from approval_tokens
       where approval_id = $1 and principal = $2 order by made_at desc offset $3)`,
    [approval.id, principal, kept],
  );
  return `${deps.settings.publicUrl}${approval.resumePath}#${token}`;
}

/** @returns whose token this is, or null for one that is unknown or of another approval */
export async function holderOf(db: Queryable, approvalId: string, token: string): Promise<string | null> {
  const { rows } = await db.query<{ principal: string }>(
    'select principal from approval_tokens where token_hash = $1 and approval_id = $2',
    [hashToken(token), approvalId],
  );
  return rows[0]?.principal ?? null;
}
