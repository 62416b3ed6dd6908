import type { Queryable } from '../db/index.ts';
import { hashToken, newToken } from '../envelope/index.ts';
import type { Identity } from '../sessions/index.ts';
import type { ApprovalRow } from './store.ts';
import type { ApprovalsDeps } from './types.ts';

/** Links of one account to one approval that work at once: the notice's and the last few that pages made. */
const kept = 4;

/**
 * Makes a personal token and the link to the n8n form that carries it in the fragment, which no server ever sees.
 * Only its hash is stored. Older links of the same account keep working, up to a few.
 * @param to whom it is given, and the account that is shown it: a vote by it is a vote by that account
 * @returns the absolute URL
 */
export async function personalLink(
  deps: Pick<ApprovalsDeps, 'settings'>,
  db: Queryable,
  approval: Pick<ApprovalRow, 'id'> & { resumePath: string },
  to: { principal: string; identity: Identity },
): Promise<string> {
  const token = newToken('vote');
  const { channel, account, id } = to.identity;
  const identity = JSON.stringify({ channel, account, id });
  await db.query({
    name: 'approval-token',
    text: `with made as (
         insert into approval_tokens (token_hash, approval_id, principal, identity) values ($1, $2, $3, $4)
       )
       delete from approval_tokens where token_hash in (select token_hash from approval_tokens
         where approval_id = $2 and principal = $3 and identity = $4 order by made_at desc offset $5)`,
    values: [hashToken(token), approval.id, to.principal, identity, kept - 1],
  });
  return `${deps.settings.publicUrl}${approval.resumePath}#${token}`;
}

/** @returns whose token this is, or null for one that is unknown or of another approval */
export async function holderOf(
  db: Queryable,
  approvalId: string,
  token: string,
): Promise<{ principal: string; identity: Identity } | null> {
  const { rows } = await db.query<{ principal: string; identity: Identity }>(
    'select principal, identity from approval_tokens where token_hash = $1 and approval_id = $2',
    [hashToken(token), approvalId],
  );
  return rows[0] ?? null;
}
