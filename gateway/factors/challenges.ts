import { randomBytes } from 'node:crypto';
import type { Queryable } from '../db/index.ts';

const lifetime = '2 minutes';
/** Open ones of one person; pages that were left open lose the oldest. */
const kept = 5;

/** @returns a fresh challenge for one person and one purpose, base64url */
export async function openChallenge(db: Queryable, principal: string, purpose: string): Promise<string> {
  const challenge = randomBytes(32).toString('base64url');
  await db.query('delete from factor_challenges where expires_at <= clock_timestamp()');
  await db.query(
    `insert into factor_challenges (challenge, principal, purpose, expires_at)
     values ($1, $2, $3, clock_timestamp() + $4::interval)`,
    [challenge, principal, purpose, lifetime],
  );
  await db.query(
    `delete from factor_challenges where challenge in (select challenge from factor_challenges
       where principal = $1 order by expires_at desc offset $2)`,
    [principal, kept],
  );
  return challenge;
}

/**
 * Takes a challenge out of use, whoever answers it and for whatever.
 * @param db the pool: it stays taken where the rest fails
 * @returns whether it was for this person and purpose, and in time
 */
export async function takeChallenge(
  db: Queryable,
  principal: string,
  purpose: string,
  challenge: string,
): Promise<boolean> {
  const { rows } = await db.query<{ good: boolean }>(
    `delete from factor_challenges where challenge = $1
     returning principal = $2 and purpose = $3 and expires_at > clock_timestamp() as good`,
    [challenge, principal, purpose],
  );
  return rows[0]?.good ?? false;
}
