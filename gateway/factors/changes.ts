import { recordReceipts } from '../audit/index.ts';
import type { Queryable, Transaction } from '../db/index.ts';
import { digest } from '../envelope/index.ts';
import { refusals } from './refusals.ts';
import { factorsOf, type FactorRow } from './store.ts';
import type { FactorKind, FactorNews, SessionStanding } from './types.ts';

/** How long a factor decides nothing, while its person is told of it everywhere. */
const wait = '24 hours';

/**
 * Whether this session may change factors now: the first one takes a sign-in of the last minutes, any other a factor.
 * @throws GatehouseError `GH-FACTOR-007`, `-008`
 */
export async function checkSession(
  tx: Queryable,
  principal: string,
  session: SessionStanding,
): Promise<void> {
  const has = (await factorsOf(tx, principal)).length > 0;
  if (has && !session.proven) throw refusals.proveFirst();
  if (!has && !session.fresh) throw refusals.signInAgain();
}

/**
 * When a factor that is added now decides: at once if it is the very first this person ever has and an administrator
 * invited them to it, otherwise after the wait. A factor that was removed or reset was one.
 */
export async function votesFrom(tx: Queryable, principal: string, session: SessionStanding): Promise<Date> {
  const { rows } = await tx.query<{ at: Date }>(
    `select case when $2 and not exists (select from factors where principal = $1 and confirmed_at is not null)
       then clock_timestamp() else clock_timestamp() + $3::interval end as at`,
    [principal, session.invited, wait],
  );
  return (rows[0] as { at: Date }).at;
}

/** Takes factors away and forgets what they held. */
export async function take(tx: Transaction, ids: readonly string[]): Promise<void> {
  await tx.query(
    `update factors set removed_at = clock_timestamp(), public_key = null, sealed_secret = null where id = any($1)`,
    [ids],
  );
}

/** Leaves the news for whoever speaks with people, and a receipt. */
export async function announce(
  tx: Transaction,
  news: Omit<FactorNews, 'kind' | 'label' | 'votesFrom'> & { by: string },
  factor: (Pick<FactorRow, 'label' | 'authenticator'> & { kind: FactorKind; votesFrom: Date }) | null,
): Promise<void> {
  const { principal, what, by } = news;
  const from = what === 'added' ? (factor?.votesFrom ?? null) : null;
  await tx.query(
    'insert into factor_news (principal, what, kind, label, votes_from) values ($1, $2, $3, $4, $5)',
    [principal, what, factor?.kind ?? null, factor?.label ?? null, from],
  );
  // The loop that tells people of their accounts tells them of their factors too.
  await tx.query(`select pg_notify('delivery_links', '')`);
  recordReceipts(tx, [
    {
      kind: 'factor',
      facts: {
        state: what,
        principal,
        by,
        type: factor?.kind ?? null,
        authenticator: factor && digest(factor.authenticator),
        votesFrom: from?.toISOString() ?? null,
      },
    },
  ]);
}
