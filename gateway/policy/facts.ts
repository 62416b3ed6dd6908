import { dataClasses, type Catalogue, type DataClass, type Tool } from '../catalogue/index.ts';
import type { Queryable, Transaction } from '../db/index.ts';
import { chargesOf, leftInWords, type Budget, type Charge, type Charges } from './budgets.ts';
import { destinationsOf, sameTarget } from './destinations.ts';
import { nothingWaits, pendingOf, type Waiting } from './pending.ts';
import type { Question } from './question.ts';
import type { PolicyInput } from './types.ts';

/** What the rules see of a call that only Postgres knows. */
export interface Facts extends Pick<PolicyInput, 'session' | 'rejectedBefore' | 'budgets' | 'uncovered'> {
  /** What `session` says of asks is made of this. */
  waiting: Waiting;
  /** Arguments that name a recipient that nothing was sent to before. */
  firstTime: string[];
  /** What the call takes from its budgets once it runs. */
  charges: Charge[];
  /** The standing grant that the call was counted down from; null for a call that stands by itself. */
  standing: string | null;
}

/** Stands among the tools of a session for what a workflow brought in from elsewhere. No tool can have this name. */
const outsideInput = 'agent:input';

/** Records that a session holds what nobody vouches for, although no tool returned it. */
export function taint(tx: Transaction, sessionKey: string): void {
  tx.send({
    name: 'taint-session',
    text: 'insert into session_tools (session_key, tool) values ($1, $2) on conflict do nothing',
    values: [sessionKey, outsideInput],
  });
}

/** Of a call whose decision depends on none of it: a tool that only reads. */
export const noFacts: Facts = Object.freeze({
  session: Object.freeze({
    tainted: false,
    outside: false,
    classesRead: [],
    ...pendingOf(nothingWaits),
  }),
  waiting: nothingWaits,
  rejectedBefore: false,
  budgets: [],
  uncovered: false,
  firstTime: [],
  charges: [],
  standing: null,
});

interface Row {
  at: number;
  tools: string[] | null;
  asks: number;
  confirms: number;
  rejected: Record<string, unknown>[] | null;
  known: string[] | null;
  used: { budget: string; used: number }[] | null;
}

/** What is asked of Postgres for one call. */
type Asked = { tool: Tool; args: Record<string, unknown>; question: Question } & Charges;

/**
 * Reads the facts of many calls in one round trip; without one where no call needs any.
 * @param known the catalogue, and the budgets that are in force
 * @returns one entry a question, in their order
 */
export async function readFacts(
  db: Queryable,
  known: { catalogue: Catalogue; budgets: readonly Budget[] },
  questions: readonly Question[],
): Promise<Facts[]> {
  const asked = questions.map((question) => askedFor(known.budgets, question));
  if (!asked.some((entry) => entry !== null)) return questions.map(() => noFacts);
  const { rows } = await db.query<Row>({
    name: 'facts-of-calls',
    text: selectFacts,
    values: [JSON.stringify(asked.flatMap((entry, at) => (entry ? [rowOf(entry, at)] : [])))],
  });
  const found = new Map(rows.map((row) => [row.at, row]));
  return asked.map((entry, at) => {
    const row = found.get(at);
    return entry && row ? factsOf(known.catalogue, entry, row) : noFacts;
  });
}

const untold = (effect: 'confirm' | 'approve'): string =>
  `decisions d where d.message_id = q.message_id and d.effect = '${effect}' and d.expires_at > now()
      and not exists (select from approvals a where a.id = d.id)
      and not exists (select from grants g where g.decision_id = d.id)`;

// Asks that wait are counted by session; those that nobody was told of yet, only while their message is served.
const selectFacts = `select q.at,
    (select array_agg(tool) from session_tools s where s.session_key = q.session_key) as tools,
    (select count(distinct coalesce(a.card, a.id)) from approvals a join decisions d using (id)
      where a.state = 'pending' and a.requester = q.principal and d.session_key = q.session_key)
    + (select count(*) from ${untold('approve')}) as asks,
    (select count(*) from ${untold('confirm')}) as confirms,
    (select array_agg(d.args) from decisions d join approvals a using (id)
      where d.message_id = q.message_id and d.tool = q.tool and a.state = 'rejected') as rejected,
    (select array_agg(t.digest) from destinations t
      where t.tool = q.tool and t.digest = any(q.digests)) as known,
    (select json_agg(json_build_object('budget', b.budget, 'used', b.used))
      from json_to_recordset(q.charges) as c (budget text, holder text, daily boolean)
      join budgets b on b.budget = c.budget and b.holder = c.holder
        and b.day = case when c.daily then (now() at time zone 'utc')::date else '-infinity' end) as used
  from json_to_recordset($1) as q (at int, session_key text, message_id text, principal text, tool text,
    digests text[], charges json)`;

/** Null for a call whose decision depends on nothing that only Postgres knows. */
function askedFor(budgets: readonly Budget[], question: Question): Asked | null {
  const { tool, run } = question;
  if (!tool) return null;
  const args = question.call.args as Record<string, unknown>;
  const charges = chargesOf(budgets, run, tool, args);
  const plain =
    tool.risk === 'read' &&
    !sends(tool) &&
    charges.charges.length === 0 &&
    !Object.values(tool.kinds).includes('redirects');
  return plain && !charges.uncovered ? null : { tool, args, question, ...charges };
}

const rowOf = ({ tool, args, question: { run }, charges }: Asked, at: number): object => ({
  at,
  session_key: run.sessionKey,
  message_id: run.messageId,
  principal: run.principal,
  tool: tool.name,
  digests: destinationsOf(tool, args).map(({ digest }) => digest),
  charges,
});

function factsOf(catalogue: Catalogue, { tool, args, charges, uncovered }: Asked, row: Row): Facts {
  const answered = (row.tools ?? []).map((name) => catalogue.get(name));
  const digests = new Set(row.known);
  const used = new Map(row.used?.map((entry) => [entry.budget, entry.used]));
  return {
    session: {
      ...heardFrom(answered),
      classesRead: classesOf(catalogue, row.tools ?? []),
      ...pendingOf(row),
    },
    waiting: { asks: row.asks, confirms: row.confirms },
    rejectedBefore: (row.rejected ?? []).some((before) => sameTarget(tool, before, args)),
    firstTime: [
      ...new Set(
        destinationsOf(tool, args)
          .filter(({ digest }) => !digests.has(digest))
          .map(({ argument }) => argument),
      ),
    ],
    budgets: charges.map((charge) => {
      const spent = used.get(charge.budget) ?? 0;
      return {
        name: charge.budget,
        needed: charge.amount,
        left: charge.allowed - spent,
        text: leftInWords(charge, spent),
      };
    }),
    uncovered,
    charges,
    standing: null,
  };
}

/** What answers of these tools mean for the session that holds them; undefined is a tool that is gone. */
export function heardFrom(
  answered: readonly (Tool | undefined)[],
): Pick<PolicyInput['session'], 'tainted' | 'outside'> {
  const foreign = answered.filter((tool) => tool?.output !== 'trusted');
  return { tainted: foreign.length > 0, outside: foreign.some((tool) => !tool?.directory) };
}

/** The tools that have answered in a session; it only ever gets more. */
export async function toolsHeard(db: Queryable, sessionKey: string): Promise<string[]> {
  const { rows } = await db.query<{ tool: string }>({
    name: 'tools-of-session',
    text: 'select tool from session_tools where session_key = $1',
    values: [sessionKey],
  });
  return rows.map(({ tool }) => tool);
}

/**
 * Lets a transaction fail, with what `missedItsRow` knows, where another tool has answered in a session meanwhile: what it
 * returned may be of a higher class.
 * @param tools those that are known to have answered
 */
export function noOtherHeard(tx: Transaction, sessionKey: string, tools: readonly string[]): void {
  tx.send({
    name: 'no-other-tool-of-session',
    text: `select 1 / (not exists (
      select from session_tools where session_key = $1 and tool <> all ($2::text[])))::int`,
    values: [sessionKey, tools],
  });
}

/** The classes of what these tools return. A tool that is gone from the catalogue may have returned anything. */
export function classesOf(catalogue: Pick<Catalogue, 'get'>, names: readonly string[]): DataClass[] {
  const known = names.filter((name) => name !== outsideInput);
  const classes = new Set(known.map((name) => catalogue.get(name)?.dataClass ?? 'personal'));
  return dataClasses.filter((name) => classes.has(name));
}

/** Whether a read carries its arguments out of the systems of record. */
const sends = ({ connector }: Tool): boolean => connector.kind === 'http' || connector.kind === 'code';
