import type { DeliveryDeps } from './types.ts';

/** How long an id is remembered at least, whatever became of its message: vendors retry for up to seven days. */
const dedupeDays = 8;
const finished = `('done', 'dead', 'handled', 'refused')`;

/** A run of the agent that was paused and forgotten keeps its text no longer than one that ended. */
const agentEnd = `coalesce(finished_at, case state when 'paused' then created_at end)`;

const callTexts = [
  `update decisions set args = null, input = null where (args is not null or input is not null)
   and created_at < now() - $1 * interval '1 hour' and not exists (select 1 from approvals a where a.id = decisions.id and a.state = 'pending')`,
  `update approvals set preview = null, void = null where (preview is not null or void is not null) and state <> 'pending'
   and decided_at < now() - $1 * interval '1 hour'`,
  `update attempts set result = null where result is not null and finished_at < now() - $1 * interval '1 hour'`,
  `update votes set comment = null where comment is not null and voted_at < now() - $1 * interval '1 hour'`,
  `delete from shadow_differences where found_at < now() - $1 * interval '1 hour'`,
  `update approval_questions set question = null, answer = null where question is not null
   and asked_at < now() - $1 * interval '1 hour'`,
  `update agent_steps s set content = null from agent_runs r where r.id = s.run_id and s.content is not null
   and ${agentEnd} < now() - $1 * interval '1 hour'`,
  `update agent_runs set request = null, opening = null, result = null where opening is not null
   and ${agentEnd} < now() - $1 * interval '1 hour'`,
  // A run holds what earlier ones came to no longer than these do.
  `update agent_runs set opening = opening - 'earlier' where opening ? 'earlier'
   and (opening #>> '{earlier,since}')::timestamptz < now() - $1 * interval '1 hour'`,
  // The name of a tool that does not exist, and of an argument that no tool has, are words of whoever asked.
  `update decisions set tool = '' where effect = 'deny' and tool <> '' and reasons @> '[{"code":"tool_unknown"}]'
   and created_at < now() - $1 * interval '1 hour'`,
  `update decisions set reasons = '[{"code":"args_invalid","text":"The arguments were not usable."}]'
   where effect = 'deny' and reasons @> '[{"code":"args_invalid"}]'
     and not reasons @> '[{"text":"The arguments were not usable."}]' and created_at < now() - $1 * interval '1 hour'`,
];

/**
 * Deletes what is past its retention: raw payloads first, then texts, at last the rows. A message that is still
 * waiting keeps its text, since without it nothing could be done for its sender.
 * @returns rows touched by each rule
 */
export async function sweepRetention(
  deps: Pick<DeliveryDeps, 'pool' | 'settings'>,
): Promise<{ raw: number; text: number; messages: number }> {
  const { pool, settings } = deps;
  const raw = await pool.query(
    `update messages set raw = null where raw is not null and received_at < now() - $1 * interval '1 hour'`,
    [settings.rawRetentionHours],
  );
  // The files go with the text that they came with.
  const envelopes = await pool.query<{ texts: number }>(
    `with gone as (
       update messages set envelope = null where envelope is not null and state in ${finished}
       and received_at < now() - $1 * interval '1 hour' returning id
     ), files as (delete from attachments a using gone where a.message_id = gone.id)
     select count(*)::int as texts from gone`,
    [settings.textRetentionHours],
  );
  const bodies = await pool.query(
    `update outbox set body = null where body is not null and state <> 'queued'
     and created_at < now() - $1 * interval '1 hour'`,
    [settings.textRetentionHours],
  );
  // What was said is also in the calls that it led to: their arguments, outcomes and comments.
  for (const rule of callTexts) await pool.query(rule, [settings.textRetentionHours]);
  // An answer that may serve again is the text of its step.
  await pool.query(
    `delete from agent_answers a where not exists (select from agent_steps s
       where s.run_id = a.run_id and s.number = a.step and s.content is not null)`,
  );
  const messages = await pool.query(
    `delete from messages where state in ${finished} and envelope is null
     and received_at < now() - ${dedupeDays} * interval '1 day'`,
  );
  await pool.query(
    `delete from runs r where r.finished_at < now() - ${dedupeDays} * interval '1 day'
     and not exists (select 1 from messages m where m.id = r.message_id)`,
  );
  await pool.query(
    `delete from agent_runs where opening is null and ${agentEnd} < now() - ${dedupeDays} * interval '1 day'`,
  );
  await pool.query(`delete from agent_waits where delivered_at < now() - ${dedupeDays} * interval '1 day'`);
  await pool.query(
    `delete from outbox where body is null and created_at < now() - ${dedupeDays} * interval '1 day'`,
  );
  return {
    raw: raw.rowCount ?? 0,
    text: (envelopes.rows[0]?.texts ?? 0) + (bodies.rowCount ?? 0),
    messages: messages.rowCount ?? 0,
  };
}
