import type { Queryable } from '../db/index.ts';
import type { Factor, FactorKind } from './types.ts';

/** A factor that was confirmed and not removed, with what proves it. */
export interface FactorRow extends Factor {
  authenticator: string;
  publicKey: Buffer | null;
  counter: number | null;
  transports: string[] | null;
  sealedSecret: string | null;
  lastStep: number | null;
}

const columns = `id, kind, label, created_at as "createdAt", last_used_at as "lastUsedAt", votes_from as "votesFrom",
  votes_from <= clock_timestamp() as "mayVote", authenticator, public_key as "publicKey", counter, transports,
  sealed_secret as "sealedSecret", last_step as "lastStep"`;

/** @returns what this person has, oldest first */
export async function factorsOf(db: Queryable, principal: string): Promise<FactorRow[]> {
  const { rows } = await db.query<FactorRow>(
    `select ${columns} from factors where principal = $1 and confirmed_at is not null and removed_at is null
     order by created_at, id`,
    [principal],
  );
  return rows;
}

const decides = `f.confirmed_at is not null and f.removed_at is null and f.votes_from <= clock_timestamp()`;

/** SQL: whether an authenticator is somebody's at this moment, and decides. Both are given as SQL. */
export const heldNow = (principal: string, authenticator: string): string =>
  `exists (select from factors f where f.principal = ${principal} and f.authenticator = ${authenticator} and ${decides})`;

/** @returns who of these people has no factor that decides now */
export async function withoutFactor(db: Queryable, principals: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<{ principal: string }>(
    `select principal from unnest($1::text[]) with ordinality as asked (principal, place)
     where not exists (select from factors f where f.principal = asked.principal and ${decides}) order by place`,
    [principals],
  );
  return rows.map(({ principal }) => principal);
}

/** Changes and proofs of one person follow each other for the rest of the transaction. */
export async function lockPerson(tx: Queryable, principal: string): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 12))', [principal]);
}

/** Those that may prove something now; where all of them wait, they may still prove a change of factors. */
export function provers(rows: readonly FactorRow[], kind: FactorKind, alsoWaiting: boolean): FactorRow[] {
  const ripe = rows.some((row) => row.mayVote);
  return rows.filter((row) => row.kind === kind && (row.mayVote || (alsoWaiting && !ripe)));
}

/** @returns the factor as its person may see it */
export function shown({ id, kind, label, createdAt, lastUsedAt, votesFrom, mayVote }: FactorRow): Factor {
  return { id, kind, label, createdAt, lastUsedAt, votesFrom, mayVote };
}

/** Postgres's clock, in milliseconds. */
export async function clockOf(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ now: Date }>('select clock_timestamp() as now');
  return (rows[0] as { now: Date }).now.getTime();
}
