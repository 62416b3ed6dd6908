import type { Queryable } from '../../db/index.ts';

/** How far the rotation of one secret is, as Postgres has it. */
export interface RotationRow {
  secret: string;
  /** The next value, sealed, which was made and is not in use yet. */
  candidate: string | null;
  base_version: number | null;
  version: number | null;
  former_version: number | null;
  overlap_until: Date | null;
  rotated_at: Date | null;
  failures: number;
  failed_since: Date | null;
  /** Code of the last failure. */
  failure: string | null;
  next_try: Date | null;
}

export async function rowOf(db: Queryable, secret: string): Promise<RotationRow | undefined> {
  const { rows } = await db.query<RotationRow>('select * from secret_rotations where secret = $1', [secret]);
  return rows[0];
}

/** The rotations of an installation, by the names of their secrets. */
export async function rotationRows(db: Queryable): Promise<Map<string, RotationRow>> {
  const { rows } = await db.query<RotationRow>('select * from secret_rotations');
  return new Map(rows.map((row) => [row.secret, row]));
}

/** Keeps what is about to be made valid. */
export async function keepCandidate(
  db: Queryable,
  secret: string,
  candidate: { sealed: string; base: number },
): Promise<void> {
  await db.query(
    `insert into secret_rotations (secret, candidate, base_version) values ($1, $2, $3)
     on conflict (secret) do update set candidate = excluded.candidate, base_version = excluded.base_version`,
    [secret, candidate.sealed, candidate.base],
  );
}

export async function dropCandidate(db: Queryable, secret: string): Promise<void> {
  await db.query('update secret_rotations set candidate = null, base_version = null where secret = $1', [
    secret,
  ]);
}

/** @param made.former the version that stays good for the overlap; null where there is no overlap */
export async function recordSwitch(
  db: Queryable,
  secret: string,
  made: { version: number; former: number | null; overlapMs: number },
): Promise<void> {
  await db.query(
    `insert into secret_rotations as r (secret, version, former_version, switched_at, overlap_until, rotated_at)
     values ($1, $2, $3, clock_timestamp(), clock_timestamp() + make_interval(secs => $4::float8 / 1000), clock_timestamp())
     on conflict (secret) do update set version = excluded.version, former_version = excluded.former_version,
       switched_at = excluded.switched_at, overlap_until = excluded.overlap_until, rotated_at = excluded.rotated_at,
       candidate = null, base_version = null, failures = 0, failed_since = null, failure = null, next_try = null`,
    [secret, made.version, made.former, made.overlapMs],
  );
}

/** The former value is good no more. */
export async function recordRetired(db: Queryable, secret: string, version: number): Promise<void> {
  await db.query(
    `update secret_rotations set former_version = null, overlap_until = null, version = $2,
       failures = 0, failed_since = null, failure = null, next_try = null where secret = $1`,
    [secret, version],
  );
}

const leastWaitSeconds = 60;
const mostWaitSeconds = 6 * 3600;

/** Notes a failure; the next try waits twice as long as the one before, six hours at most. @returns how many there were */
export async function recordFailure(
  db: Queryable,
  secret: string,
  code: string,
): Promise<{ failures: number; since: Date }> {
  const { rows } = await db.query<{ failures: number; since: Date }>(
    `insert into secret_rotations as r (secret, failures, failed_since, failure, next_try)
     values ($1, 1, now(), $2, now() + make_interval(secs => $3))
     on conflict (secret) do update set failures = r.failures + 1, failed_since = coalesce(r.failed_since, now()),
       failure = excluded.failure,
       next_try = now() + make_interval(secs => least($4, $3 * 2 ^ least(r.failures, 20)) * (0.75 + random() / 2))
     returning failures, failed_since as since`,
    [secret, code, leastWaitSeconds, mostWaitSeconds],
  );
  return rows[0] ?? { failures: 1, since: new Date() };
}

/** Whether the overlap is over: its time, and the last lease that may hold the former value. */
export async function overlapIsOver(db: Queryable, secret: string): Promise<boolean> {
  const { rows } = await db.query(
    `select from secret_rotations r where secret = $1 and former_version is not null
       and overlap_until <= clock_timestamp() and not exists (
         select from leases l where l.secret = r.secret and l.ended_at is null and l.issued_at <= r.switched_at)`,
    [secret],
  );
  return rows.length > 0;
}
