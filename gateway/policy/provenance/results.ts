import type { Queryable } from '../../db/index.ts';
import type { RunContext } from '../types.ts';
import type { ToolResult } from './evidence.ts';

/** More is not searched; a value out of an older result is then simply not explained, and vouches for nothing either way. */
const most = 50;

/** What tools returned in the session of a run, newest first, as long as its retention lasts. */
export async function readResults(db: Queryable, run: RunContext): Promise<ToolResult[]> {
  const { rows } = await db.query<Omit<ToolResult, 'ofThisRequest'> & { message: string }>({
    name: 'results-of-session',
    // Its arguments one by one: a join would read all decisions while the table is small, and that plan is kept.
    text: `select id as attempt, tool, message_id as message, result -> 'result' as result, started_at as since,
        finished_at as at, (select args from decisions d where d.id = decision_id) as args
      from attempts where session_key = $1 and state = 'succeeded' order by finished_at desc limit ${most}`,
    values: [run.sessionKey],
  });
  return rows.map(({ message, ...row }) => ({ ...row, ofThisRequest: message === run.messageId }));
}
