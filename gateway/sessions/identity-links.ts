import type { Queryable } from '../db/index.ts';
import type { Identity, Person } from './people-file.ts';

/** How long a further identity of a person may not vote, whoever linked it. */
export const linkWait = '24 hours';

/** An identity and since when it may vote, by Postgres's clock. */
export interface Linked extends Identity {
  principal: string;
  votesFrom: Date;
  mayVote: boolean;
}

/** The `votes_from` of an identity that a principal gets: their very first ones may vote at once. */
const votesFrom = `case when exists (select from identity_links known where known.principal = fresh.principal)
  then clock_timestamp() + $5::interval else clock_timestamp() end`;

/**
 * Remembers that these identities belong to these people. One that is known with the same person stays as it is; one
 * that is new to a person, or changed hands, waits before it may vote, and their other identities are told of it.
 */
export async function recordLinks(
  db: Queryable,
  links: readonly (Identity & { principal: string })[],
): Promise<void> {
  await db.query(
    `insert into identity_links as link (channel, account, native_id, principal, votes_from, told_at)
     select channel, account, id, principal, ${votesFrom},
       case when not exists (select from identity_links known where known.principal = fresh.principal)
         then clock_timestamp() end
     from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as fresh (channel, account, id, principal)
     on conflict (channel, account, native_id) do update set principal = excluded.principal, since = now(),
       votes_from = clock_timestamp() + $5::interval, told_at = null
     where link.principal <> excluded.principal`,
    [
      links.map((link) => link.channel),
      links.map((link) => link.account),
      links.map((link) => link.id),
      links.map((link) => link.principal),
      linkWait,
    ],
  );
  await db.query(`select pg_notify('delivery_links', '')`);
}

/** @returns the identities of these people as links */
export function linksOf(people: Iterable<Person>): (Identity & { principal: string })[] {
  return [...people].flatMap(({ principal, identities }) =>
    identities.map((identity) => ({ ...identity, principal })),
  );
}
