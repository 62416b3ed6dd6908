import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { recordReceipts } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Pool, type Queryable, type Transaction } from '../db/index.ts';

/** The parts of the policy, and where each lies in `policies/`. */
const files = {
  rules: 'rego/ or local/',
  tools: 'tools/',
  approvals: 'approvals.yaml',
  overrides: 'overrides.yaml',
  people: 'people.yaml',
  automations: 'automations.yaml',
  limits: 'limits.yaml',
} as const;
export type PolicyPart = keyof typeof files;

/** Hears what was read of a part, before it is used. @throws GatehouseError `GH-POLICY-044` for a rollback */
export type Admit = (digest: string) => Promise<void>;

/** What was in force. The last of a part is what may be served now. */
export interface Revision {
  part: PolicyPart;
  revision: number;
  digest: string;
  servedAt: Date;
  newest: boolean;
}

/** Leave to serve one earlier revision again, once and within a day. */
const Rollback = z.strictObject({
  part: z.enum(Object.keys(files) as [PolicyPart, ...PolicyPart[]]),
  digest: z.string().regex(/^[0-9a-f]{12,64}$/),
  reason: z.string().min(1).max(500),
  by: z.string().min(1),
  at: z.iso.datetime(),
});
type Rollback = z.output<typeof Rollback>;
const dayMs = 86_400_000;

const pathOf = (dataDir: string): string => join(dataDir, 'policy-rollbacks.json');
const hex = (digest: string): string => digest.replace(/^sha256:/, '');

/**
 * Keeps the history of what was in force in Postgres, one line of revisions for each part, and refuses to go back in it:
 * whoever can put an old file back could otherwise bring back a rule, an approver or a person that was taken out.
 * @param deps.dataDir where `gatehouse policy rollback` leaves its permission, outside Postgres and the policies
 */
export function createRevisions(deps: { pool: Pool; dataDir: string }): (part: PolicyPart) => Admit {
  const admit = async (part: PolicyPart, digest: string): Promise<void> => {
    if ((await newest(deps.pool, part)) === digest) return;
    await transaction(deps.pool, async (tx) => {
      await tx.query(`select pg_advisory_xact_lock(hashtext('gatehouse.revisions'))`);
      const { rows } = await tx.query<{ digest: string; newest: string; until: Date }>(
        `select digest, last_value(digest) over whole as newest, lead(served_at) over (order by revision) as until
         from policy_revisions where part = $1
         window whole as (order by revision rows between unbounded preceding and unbounded following)`,
        [part],
      );
      const before = rows.find((row) => row.digest === digest);
      if (!before) return serve(tx, 'policy.served', part, digest, {});
      if (before.newest === digest) return;
      const leave = readRollbacks(deps.dataDir).find((one) => allows(one, part, digest));
      if (!leave) throw goesBack(part, digest, before.until);
      const { reason, by } = leave;
      return serve(tx, 'policy.rollback', part, digest, { from: before.newest, reason, by });
    });
    // Served by now: what would let it be served once more is used up.
    const left = readRollbacks(deps.dataDir);
    const unused = left.filter((one) => !allows(one, part, digest));
    if (unused.length < left.length) writeRollbacks(deps.dataDir, unused);
  };
  return (part) => (digest) => admit(part, digest);
}

async function newest(db: Queryable, part: PolicyPart): Promise<string | undefined> {
  const { rows } = await db.query<{ digest: string }>(
    'select digest from policy_revisions where part = $1 order by revision desc limit 1',
    [part],
  );
  return rows[0]?.digest;
}

async function serve(
  tx: Transaction,
  kind: 'policy.served' | 'policy.rollback',
  part: PolicyPart,
  digest: string,
  facts: Record<string, string>,
): Promise<void> {
  const { rows } = await tx.query<{ revision: number }>(
    `insert into policy_revisions (part, digest) values ($1, $2)
     on conflict (part, digest) do update set revision = nextval('policy_revision'), served_at = now()
     returning revision`,
    [part, digest],
  );
  recordReceipts(tx, [{ kind, facts: { part, digest, revision: rows[0]?.revision ?? null, ...facts } }]);
}

function goesBack(part: PolicyPart, digest: string, until: Date): GatehouseError {
  return new GatehouseError(
    'GH-POLICY-044',
    `policies/${files[part]} goes back to a revision that was replaced at ${until.toISOString().slice(0, 16)}Z.`,
    {
      status: 409,
      next:
        'Put the newer one back. Where going back is meant, also after an undone edit: ' +
        `npx gatehouse policy rollback ${part}:${hex(digest).slice(0, 12)} --reason WHY, then start or reload.`,
    },
  );
}

const allows = (leave: Rollback, part: PolicyPart, digest: string): boolean =>
  leave.part === part && hex(digest).startsWith(leave.digest) && Date.now() - Date.parse(leave.at) < dayMs;

/**
 * Leaves the permission to serve an earlier revision again. The gateway takes it, once, at its next start or reload, and
 * writes a receipt. It needs no database: a gateway that refuses to start may have taken its own down with it.
 * @param named `part:digest`, as the refusal names it
 * @throws GatehouseError `GH-POLICY-045` for what is no part and digest
 */
export function allowRollback(dataDir: string, named: string, leave: { reason: string; by: string }): void {
  const [part, digest] = named.split(':', 2);
  const parsed = Rollback.safeParse({ part, digest, ...leave, at: new Date().toISOString() });
  if (!parsed.success) {
    throw new GatehouseError('GH-POLICY-045', `${named} names no revision.`, {
      next: `Name it as the gateway does: ${Object.keys(files).join(', ')}, a colon, and at least 12 digits of its digest.`,
    });
  }
  writeRollbacks(dataDir, [...readRollbacks(dataDir), parsed.data]);
}

function readRollbacks(dataDir: string): Rollback[] {
  let text: string;
  try {
    text = readFileSync(pathOf(dataDir), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  // A file that nobody can read permits nothing.
  try {
    return z.array(Rollback).parse(JSON.parse(text));
  } catch {
    return [];
  }
}

function writeRollbacks(dataDir: string, leaves: readonly Rollback[]): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(`${pathOf(dataDir)}.new`, `${JSON.stringify(leaves, null, 2)}\n`, {
    mode: 0o600,
    flush: true,
  });
  renameSync(`${pathOf(dataDir)}.new`, pathOf(dataDir));
}

/** The history, newest first. */
export async function listRevisions(db: Queryable): Promise<Revision[]> {
  const { rows } = await db.query<Revision>(
    `select part, revision, digest, served_at as "servedAt",
       revision = max(revision) over (partition by part) as newest
     from policy_revisions order by policy_revisions.revision desc`,
  );
  return rows;
}
