import type { Catalogue } from '../catalogue/index.ts';
import type { Queryable } from '../db/index.ts';
import type { Question } from './question.ts';
import type { SessionFacts } from './types.ts';

/** What the rules see of a call that only Postgres knows. */
export interface Facts {
  session: SessionFacts;
}

/** Of a call whose decision depends on none of it: a tool that only reads. */
export const noFacts: Facts = Object.freeze({ session: Object.freeze({ tainted: false }) });

/**
 * Reads the facts of many calls in one round trip; without one where no call needs any.
 * @returns one entry a question, in their order
 */
export async function readFacts(
  db: Queryable,
  catalogue: Catalogue,
  questions: readonly Question[],
): Promise<Facts[]> {
  const sessions = [...new Set(questions.filter(needsFacts).map((question) => question.run.sessionKey))];
  if (sessions.length === 0) return questions.map(() => noFacts);
  const vouched = catalogue.list().flatMap((tool) => (tool.output === 'trusted' ? [tool.name] : []));
  const { rows } = await db.query<{ session_key: string }>({
    name: 'tainted-sessions',
    text: `select asked.session_key from unnest($1::text[]) as asked (session_key) where exists (
      select from decisions d join attempts a on a.decision_id = d.id
      where d.session_key = asked.session_key and a.state <> 'started' and a.tool <> all($2))`,
    values: [sessions, vouched],
  });
  const tainted = new Set(rows.map((row) => row.session_key));
  return questions.map((question) =>
    needsFacts(question) ? { session: { tainted: tainted.has(question.run.sessionKey) } } : noFacts,
  );
}

const needsFacts = ({ tool }: Question): boolean => tool !== null && tool.risk !== 'read';
