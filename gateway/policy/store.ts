import type { ReceiptFacts } from '../audit/index.ts';
import type { Queryable, Transaction } from '../db/index.ts';
import { uuidv7 } from '../envelope/index.ts';
import type { Judgement } from './judge.ts';
import { targetsOf } from './kill-switch.ts';
import { reserve } from './reservations.ts';
import type { Approvers, Decision, Effect, Reason } from './types.ts';

/** What a stored decision is bound to besides its call. */
export interface Binding {
  version: string;
  engine: string;
  epoch: number;
  /** Seconds that an allowed call may wait for its execution, and a question for its answer. */
  allowSeconds: number;
  askSeconds: number;
}

/** A judgement, and what was in use when it was made. */
export interface Judged extends Judgement {
  binding: Binding;
}

/** The rules are not those that a call was judged by; it has to be decided anew. */
export class RulesChanged extends Error {
  override name = 'RulesChanged';
}

interface StoredRow {
  message_id: string;
  step: string;
  digest: string;
  id: string;
  effect: Effect;
  tool: string;
  reasons: Reason[];
  approvers: Approvers | null;
  policy_version: string;
  expires_at: Date;
  grant_id: string | null;
}

/**
 * Stores many judgements with their grants and receipts, in one statement where all are fresh. A call that was decided before, by message,
 * step and digest, gets its stored decision instead: a redispatched message asks the same question and gets the same
 * answer, unless that answer was never used and is void by now.
 * @param batch judged together, so under the same rules
 * @returns one decision a judgement, in their order
 */
export async function storeDecisions(db: Queryable, batch: Judged[]): Promise<Decision[]> {
  const [first] = batch;
  if (!first) return [];
  const { binding } = first;
  const decisions = new Map<Judgement, Decision>();
  await insert(db, batch, binding, decisions);
  const repeated = batch.filter((judgement) => !decisions.has(judgement));
  if (repeated.length > 0) {
    if (await dropVoid(db, repeated, binding)) await insert(db, repeated, binding, decisions);
    await findStored(
      db,
      repeated.filter((judgement) => !decisions.has(judgement)),
      binding,
      decisions,
    );
  }
  return batch.map((judgement) => decisions.get(judgement) as Decision);
}

/**
 * Stores a judgement with its receipt, its grant, spent, and what it takes from budgets, in the caller's transaction.
 * That fails where the call was decided before, a budget has not enough left, or a kill switch stops it; it holds their row
 * until its end.
 */
export function storeSpent(tx: Transaction, judgement: Judged): void {
  const { binding } = judgement;
  tx.gather(
    { ...insertSpent, values: [binding.version, binding.epoch, true] },
    {
      ...rowOf(judgement, binding),
      targets: targetsOf({
        ...judgement.run,
        tool: judgement.call.tool,
        channel: judgement.run.channel.kind,
      }),
    },
  );
  reserve(tx, judgement.id, judgement.charges);
}

/** The receipt is written by the decision's own statement, which saves a round trip. */
const insertDecisions = `with given as (
    select * from json_to_recordset($1) as t (id text, message_id text, run_id uuid, session_key text,
      principal text, step text, tool text, args text, digest text, effect text, reasons jsonb, approvers jsonb,
      provenance jsonb, input json, seconds int, grant_id text, receipt_id uuid, facts jsonb, standing text, targets text[])
  ), decided as (
    insert into decisions (id, message_id, run_id, session_key, principal, step, tool, args, digest, effect, reasons,
      approvers, provenance, input, policy_version, epoch, expires_at, standing)
    select id, message_id, run_id, session_key, principal, step, tool, args::jsonb, digest, effect, reasons,
      approvers, provenance, input, $2, $3, now() + make_interval(secs => seconds), standing from given
    on conflict (message_id, step, digest) do nothing
    returning id, expires_at
  ), granted as (
    insert into grants (id, decision_id, message_id, session_key, tool, digest, policy_version, epoch, expires_at,
      consumed_at, standing)
    select grant_id, given.id, message_id, session_key, tool, digest, $2, $3, expires_at, case when $4 then now() end,
      standing
    from given join decided using (id) where grant_id is not null
  ), attested as (
    insert into receipts (id, kind, message_id, decision_id, facts)
    select receipt_id, 'decision', message_id, given.id, facts from given join decided using (id)
  )`;

const insertSpent = {
  name: 'insert-decisions-spent',
  text: `${insertDecisions}, switch as (select stopped from kill_switch for share)
    select 1 / (count(*) = json_array_length($1))::int from decided
    where (select count(*) from given, switch where not stopped ?| targets) = json_array_length($1)`,
};

// One JSON text: making and reading it costs less than an array a column.
const valuesOf = (batch: Judgement[], binding: Binding): unknown[] => [
  JSON.stringify(batch.map((entry) => rowOf(entry, binding))),
  binding.version,
  binding.epoch,
  false,
];

async function insert(
  db: Queryable,
  batch: Judgement[],
  binding: Binding,
  decisions: Map<Judgement, Decision>,
): Promise<void> {
  const { rows } = await db.query<{ now: Date; ids: string[] | null }>({
    name: 'insert-decisions',
    text: `${insertDecisions} select now() as now, array_agg(id) as ids from decided`,
    values: valuesOf(batch, binding),
  });
  const stored = new Set(rows[0]?.ids);
  const now = rows[0]?.now.getTime() ?? NaN;
  for (const entry of batch) {
    if (!stored.has(entry.id)) continue;
    decisions.set(entry, {
      id: entry.id,
      effect: entry.verdict.effect,
      tool: entry.call.tool,
      digest: entry.digest,
      reasons: entry.verdict.reasons,
      approvers: entry.verdict.approvers,
      grant: entry.grant,
      policy: { version: binding.version, engine: binding.engine },
      expiresAt: new Date(now + secondsOf(entry, binding) * 1000).toISOString(),
    });
  }
}

const rowOf = (entry: Judgement, binding: Binding): Record<string, unknown> => ({
  id: entry.id,
  message_id: entry.run.messageId,
  run_id: entry.run.runId,
  session_key: entry.run.sessionKey,
  principal: entry.run.principal,
  step: entry.call.step,
  tool: entry.call.tool,
  args: entry.args,
  digest: entry.digest,
  effect: entry.verdict.effect,
  reasons: entry.verdict.reasons,
  approvers: entry.verdict.approvers,
  provenance: entry.input?.leaves ?? [],
  input: entry.input,
  seconds: secondsOf(entry, binding),
  grant_id: entry.grant,
  receipt_id: uuidv7(),
  facts: factsOf(entry, binding),
  standing: entry.standing,
});

const secondsOf = (entry: Judgement, binding: Binding): number =>
  entry.verdict.effect === 'approve' || entry.verdict.effect === 'confirm'
    ? binding.askSeconds
    : binding.allowSeconds;

/** What the receipt of a decision attests. */
const factsOf = (entry: Judgement, binding: Binding): ReceiptFacts => ({
  effect: entry.verdict.effect,
  tool: knownTool(entry),
  digest: entry.digest,
  reasons: entry.verdict.reasons.map((reason) => reason.code),
  principal: entry.run.principal,
  policy: binding.version,
  epoch: binding.epoch,
  ...(entry.standing === null ? {} : { standing: entry.standing }),
});

/** A name that is in no catalogue is the caller's text and stays out of receipts. */
const knownTool = (entry: Judgement): string | null =>
  entry.verdict.reasons[0]?.code === 'tool_unknown' ? null : entry.call.tool;

/** Drops decisions that were never asked about or used, and whose time, rules or epoch are over. */
async function dropVoid(db: Queryable, repeated: Judgement[], binding: Binding): Promise<boolean> {
  const { rows } = await db.query<{ dropped: number }>(
    `with dropped as (
       delete from decisions d using unnest($1::text[], $2::text[], $3::text[]) as t (message_id, step, digest)
       where d.message_id = t.message_id and d.step = t.step and d.digest = t.digest
         and (d.expires_at <= now() or d.policy_version <> $4 or d.epoch <> $5)
         and not exists (select from approvals a where a.id = d.id)
         and not exists (select from grants g where g.decision_id = d.id and g.consumed_at is not null)
       returning d.id
     ), ungranted as (delete from grants g using dropped where g.decision_id = dropped.id)
     select count(*)::int as dropped from dropped`,
    [...keysOf(repeated), binding.version, binding.epoch],
  );
  return (rows[0]?.dropped ?? 0) > 0;
}

async function findStored(
  db: Queryable,
  repeated: Judgement[],
  binding: Binding,
  decisions: Map<Judgement, Decision>,
): Promise<void> {
  if (repeated.length === 0) return;
  const { rows } = await db.query<StoredRow>(
    `select d.message_id, d.step, d.digest, d.id, d.effect, d.tool, d.reasons, d.approvers, d.policy_version,
       d.expires_at, g.id as grant_id
     from unnest($1::text[], $2::text[], $3::text[]) as t (message_id, step, digest)
     join decisions d using (message_id, step, digest)
     left join grants g on g.decision_id = d.id`,
    keysOf(repeated),
  );
  const stored = new Map(rows.map((row) => [keyOf(row.message_id, row.step, row.digest), row]));
  for (const entry of repeated) {
    const row = stored.get(keyOf(entry.run.messageId, entry.call.step, entry.digest));
    if (!row) throw new Error('a decision that was in conflict is gone');
    decisions.set(entry, {
      id: row.id,
      effect: row.effect,
      tool: row.tool,
      digest: row.digest,
      reasons: row.reasons,
      approvers: row.approvers,
      // The grant of an approval travels with its outcome only.
      grant: row.effect === 'allow' ? row.grant_id : null,
      policy: { version: row.policy_version, engine: binding.engine },
      expiresAt: row.expires_at.toISOString(),
    });
  }
}

const keyOf = (messageId: string, step: string, digest: string): string =>
  JSON.stringify([messageId, step, digest]);

const keysOf = (batch: Judgement[]): [string[], string[], string[]] => [
  batch.map((entry) => entry.run.messageId),
  batch.map((entry) => entry.call.step),
  batch.map((entry) => entry.digest),
];
