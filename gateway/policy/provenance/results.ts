import type { Queryable } from '../../db/index.ts';
import type { RunContext } from '../types.ts';
import type { ToolResult } from './evidence.ts';

/** More is not searched; a value out of an older result is then simply not explained, and vouches for nothing either way. */
const most = 50;

/** What tools returned in the session of a run, newest first, as long as its retention lasts. */
export async function readResults(db: Queryable, run: RunContext): Promise<ToolResult[]> {
  const { rows } = await db.query<Omit<ToolResult, 'ofThisRequest'> & { message: string }>({
    name: 'results-of-session',
    text: `select a.id as attempt, a.tool, a.message_id as message, d.args, a.result -> 'result' as result, a.started_at as since,
        a.finished_at as at
      from decisions d join attempts a on a.decision_id = d.id
      where d.session_key = $1 and a.state = 'succeeded' order by a.finished_at desc limit ${most}`,
    values: [run.sessionKey],
  });
  return rows.map(({ message, ...row }) => ({ ...row, ofThisRequest: message === run.messageId }));
}
