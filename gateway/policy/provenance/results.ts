import type { Queryable } from '../../db/index.ts';
import type { RunContext } from '../types.ts';
import type { ToolResult } from './evidence.ts';

/** More is not searched; a value out of an older result is then simply not explained, and vouches for nothing either way. */
const most = 50;

interface Row extends Pick<ToolResult, 'attempt' | 'tool' | 'result' | 'args'> {
  asked: number;
  message: string;
  since: number;
  at: number;
}

/** A time that comes as one costs more to read than all else of its row. */
const milliseconds = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;

/**
 * What tools returned in the sessions of these runs, newest first, as long as its retention lasts.
 * @returns one list a run, in their order
 */
export async function readResults(db: Queryable, runs: readonly RunContext[]): Promise<ToolResult[][]> {
  const { rows } = await db.query<Row>({
    name: 'results-of-sessions',
    // Session by session, and its arguments one by one: a join would read all there are while the tables are small, and that
    // plan is kept. As JSON, because with arrays, whose length is known, it would be planned anew each time.
    text: `select asked::int, found.* from json_array_elements_text($1) with ordinality as run (session_key, asked)
      cross join lateral (
        select id as attempt, tool, message_id as message, result -> 'result' as result,
          ${milliseconds('started_at')} as since, ${milliseconds('finished_at')} as at,
          (select args from decisions d where d.id = decision_id) as args
        from attempts where session_key = run.session_key and state = 'succeeded' order by finished_at desc limit ${most}
      ) as found order by asked, at desc`,
    values: [JSON.stringify(runs.map(({ sessionKey }) => sessionKey))],
  });
  const found = Map.groupBy(rows, ({ asked }) => asked - 1);
  return runs.map(({ messageId }, index) =>
    (found.get(index) ?? []).map(({ asked: _asked, message, since, at, ...row }) => ({
      ...row,
      since: new Date(since),
      at: new Date(at),
      ofThisRequest: message === messageId,
    })),
  );
}
