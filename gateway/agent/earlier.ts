import type { Queryable } from '../db/index.ts';
import type { RunContext } from '../policy/index.ts';
import { counted } from './loop/index.ts';
import type { Fence } from './prompts/index.ts';
import { shortened, storable } from './text.ts';
import type { Opening } from './types.ts';

/** Of the latest runs of a conversation. */
const mostRuns = 12;
/** Characters. */
const mostAsked = 1000;
const mostAnswered = 4000;
/** For each token of room that a model has: about a sixth of the room. */
const charactersPerToken = 0.5;

interface Row {
  task: string;
  state: string;
  finishedAt: Date;
  asked: string | null;
  answer: string;
  called: { tool: string; status: string }[] | null;
}

/**
 * What earlier runs of a conversation were asked and came to, the latest last: a digest of their outcomes, which a model summarises
 * only where it is long, like the older turns of a run. It is data, whoever wrote what stands in it.
 * @param room tokens that the model with the most of it has for a conversation
 * @returns nothing for whoever has none of their own: who has an account now is told nothing of who had it before
 */
export async function earlierOf(
  db: Queryable,
  { sessionKey, principal, messageId }: Pick<RunContext, 'sessionKey' | 'principal' | 'messageId'>,
  fence: Fence,
  room: number,
): Promise<Opening['earlier']> {
  if (principal === null) return undefined;
  const { rows } = await db.query<Row>({
    name: 'agent-earlier',
    text: `select r.task, r.state, r.finished_at as "finishedAt", r.result->>'text' as answer,
        m.envelope #>> '{data,content,text}' as asked,
        (select json_agg(json_build_object('tool', s.facts->>'tool', 'status', s.facts->>'status') order by s.number)
          from agent_steps s where s.run_id = r.id and s.kind = 'result') as called
      from agent_runs r left join messages m on m.id = r.message_id
      where r.session_key = $1 and r.principal = $2 and r.message_id <> $3 and r.finished_at is not null
        and r.opening is not null and r.request->'bare' is null
      order by r.finished_at desc limit $4`,
    values: [sessionKey, principal, messageId, mostRuns],
  });
  const most = Math.floor(room * charactersPerToken);
  const told: string[] = [];
  let since = new Date();
  for (const row of rows) {
    const words = told.length === 0 ? shortened(inWords(row), most) : inWords(row);
    if (told.length > 0 && told.join().length + words.length > most) break;
    told.unshift(words);
    since = row.finishedAt;
  }
  if (told.length === 0) return undefined;
  return { text: fence.block('data', 'earlier', storable(told.join('\n\n'))), since: since.toISOString() };
}

function inWords({ task, state, finishedAt, asked, answer, called }: Row): string {
  return [
    `[${finishedAt.toISOString().slice(0, 16)}Z, ${task}: ${state}]`,
    ...(asked ? [`asked: ${shortened(asked, mostAsked)}`] : []),
    ...(called ? [`tools: ${counted(called)}`] : []),
    `ended with: ${shortened(answer, mostAnswered)}`,
  ].join('\n');
}
