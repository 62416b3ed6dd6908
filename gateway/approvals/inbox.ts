import { inOneGo, type Queryable } from '../db/index.ts';
import { displayOf, previewFacts } from './card.ts';
import { maySee } from './eligible.ts';
import { onceEach, personalCards } from './personal.ts';
import { lists, parametersOf, scopeOf, type ListName, type Scope } from './scope.ts';
import { searching } from './search.ts';
import { columns, type ApprovalRow } from './store.ts';
import { byCard, cardIdOf } from './together.ts';
import type { ApprovalsDeps, Card } from './types.ts';
import { webIdentity } from './voter.ts';

/** What a person wants to see of their inbox. Nothing in it can show more than they may see. */
export interface InboxWish {
  /** See scope.ts for what is in it. */
  list: ListName;
  /** Only calls of these tools, these reasons or this requester; absent means all. */
  tool?: string;
  risk?: string;
  requester?: string;
  reason?: string;
  /** Words that are looked for in who asks, the tool and the first line. */
  find?: string;
  /** What like requests are put together by, for reading. */
  group: InboxGrouping;
  /** Where the page begins: `next` of the one before. */
  after?: string;
}

/** Same tool and same requester, same tool and same reasons, or not at all. */
export type InboxGrouping = 'requester' | 'reason' | 'none';

export interface InboxItem {
  card: Card;
  /** What a look at the system of record found; without one, the card's `preview` says why. */
  outlook: Card['facts'];
}

/** Like requests, in the order of the list. `items` holds the first of them where there are many. */
export interface InboxGroup {
  size: number;
  items: [InboxItem, ...InboxItem[]];
}

export interface Choice {
  value: string;
  label: string;
  count: number;
}

export interface Inbox {
  groups: InboxGroup[];
  /** For `after` of the next page; null on the last one. */
  next: string | null;
  /** How many requests need this person, whatever the list. */
  needed: number;
  /** What the whole list could be narrowed to. */
  choices: { tools: (Choice & { risk: string | null })[]; requesters: Choice[]; reasons: Choice[] };
  /** When this was read, by Postgres's clock. */
  now: Date;
}

const pageSize = 20;
/** How many of a group come along with it: a smaller one is all there. */
const shownOfGroup = 4;
/** A list ends here; nobody reads so far, and whatever is behind comes up as the first ones end. */
const longest = 10_000;
/** The most frequent ones; what is not among them can be filtered for by its address. */
const mostChoices = 100;

/**
 * Reads a page of somebody's inbox. Who may see what is part of the query, so that filters and pages only ever narrow
 * it; each row that is shown is checked once more by the code that decides about votes.
 */
export async function inbox(deps: ApprovalsDeps, viewer: string, wish: InboxWish): Promise<Inbox> {
  const people = onceEach(deps.people);
  const { places, rows, choices, needed, now } = await inOneGo(deps.pool, async (db) => {
    const [found] = await Promise.all([
      find(deps, db, scopeOf(deps, viewer, deps.clock()), wish),
      // Each card asks for it; nobody has to wait for it then.
      people.holder(db, webIdentity(viewer)),
    ]);
    return found;
  });
  const shown = places.filter((place) => place.nth <= pageSize);
  const last = shown.at(-1);
  const next = last && shown.length < places.length ? `${last.leadAt}.${last.lead}` : null;
  const seen = byCard(rows).filter((card) => card.every((row) => maySee(deps.people, row, viewer)));
  const cards = await personalCards({ ...deps, people }, deps.pool, seen, viewer);
  const items = new Map(
    seen.map((card, index) => [
      cardIdOf(card[0]),
      { card: cards[index] as Card, outlook: card.flatMap(previewFacts) },
    ]),
  );
  return { groups: groupsOf(shown, items), next, choices: choicesOf(deps, choices), needed, now };
}

function groupsOf(places: readonly Place[], items: ReadonlyMap<string, InboxItem>): InboxGroup[] {
  const groups = new Map<string, InboxGroup>();
  for (const { place, lead, size } of places) {
    const item = items.get(place);
    const group = groups.get(lead);
    if (!item) continue;
    if (group) group.items.push(item);
    else groups.set(lead, { size, items: [item] });
  }
  return [...groups.values()];
}

/** An entry of the list. */
interface Place {
  /** The card that stands there. */
  place: string;
  /** The first of its group, and when that one is due, in microseconds. */
  lead: string;
  leadAt: string;
  size: number;
  /** Which group it is of the page. */
  nth: number;
}

/** What is found besides the entries. */
interface Whole {
  choices: { kind: 'tool' | 'requester' | 'reason'; value: string; count: number }[];
  needed: number;
  now: Date;
}

/** What like requests have in common, over `listed`. */
const keys: Record<Exclude<InboxGrouping, 'none'>, string> = {
  requester: `tool || ' ' || requester`,
  reason: `tool || ' ' || jsonb_path_query_array(reasons, '$[*].code')::text`,
};

const sortings = {
  /** What is due first. */
  due: { at: 'a.deadline', order: 'asc', beyond: '>' },
  /** What was asked or ended last. */
  asked: { at: 'a.created_at', order: 'desc', beyond: '<' },
  ended: { at: 'a.decided_at', order: 'desc', beyond: '<' },
} as const;

function sortingOf(list: ListName): (typeof sortings)[keyof typeof sortings] {
  if (list === 'asked') return sortings.asked;
  return list === 'needed' || list === 'open' ? sortings.due : sortings.ended;
}

/** One statement, so that places, what stands there, choices and counts are of one moment. */
async function find(
  deps: ApprovalsDeps,
  db: Queryable,
  scope: Scope,
  wish: InboxWish,
): Promise<Whole & { places: Place[]; rows: ApprovalRow[] }> {
  const values: unknown[] = parametersOf(scope);
  const { at, order, beyond } = sortingOf(wish.list);
  const put = (value: unknown): string => `$${values.push(value)}`;
  const narrowed = narrowing(deps, wish, put);
  const cursor = cursorOf(wish.after);
  const from = cursor ? `(lead_at, lead) ${beyond} (${put(cursor.at)}::bigint, ${put(cursor.id)})` : 'true';
  // The list of what needs somebody is its own count.
  const needed =
    wish.list === 'needed' ? 'listed' : `(select from approvals a where ${lists.needed} limit ${longest})`;
  const text = `with listed as materialized (
       select a.id, (extract(epoch from ${at}) * 1000000)::bigint as at, d.tool, coalesce(a.requester, '') as requester, d.reasons
       from approvals a join decisions d on d.id = a.id where ${lists[wish.list]} order by ${at} ${order} limit ${longest}
     ), grouped as (${groupedBy(wish.group, narrowed, order)}
     ), placed as (
       select *, dense_rank() over (order by lead_at ${order}, lead ${order}) as nth
       from grouped where n <= ${shownOfGroup} and ${from}
     ), choices (kind, value, count) as (
       select 'tool', tool, count(*) from listed group by 2
       union all select 'requester', requester, count(*) from listed group by 2
       union all select 'reason', reason ->> 'code', count(*) from listed, jsonb_array_elements(reasons) reason group by 2
     ), whole as (
       select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'value', value, 'count', count)), '[]') as choices,
         (select count(*)::int from ${needed} as needing) as needed
       from (select * from choices order by count desc, kind desc, value limit ${mostChoices}) as first
     )
     select p.id as place, p.lead, p.lead_at::text as "leadAt", p.size, p.nth, whole.needed,
       case when p.nth is null or p.nth = 1 and p.n = 1 then whole.choices end as choices, ${columns}
     from whole left join (select * from placed where nth <= ${pageSize + 1} limit ${(pageSize + 1) * shownOfGroup}) p on true
       left join approvals a on p.nth <= ${pageSize} and (a.id = p.id or a.card = p.id) left join decisions d on d.id = a.id
     order by p.nth, p.n, a.item_index, a.id`;
  // Planned anew each time: a plan that was made while nobody had voted looks every vote through for every request.
  const { rows } = await db.query<Whole & Place & ApprovalRow>(text, values);
  const { choices, needed: needing, now } = rows[0] as Whole;
  // Calls that share a card share its place.
  const places = new Map(rows.filter(({ place }) => place !== null).map((row) => [row.place, row]));
  return {
    places: [...places.values()],
    rows: rows.filter(({ id }) => id !== null),
    choices,
    needed: needing,
    now,
  };
}

function groupedBy(group: InboxGrouping, narrowed: string, order: string): string {
  if (group === 'none')
    return `select id, 1 as size, 1 as n, at as lead_at, id as lead from listed where ${narrowed}`;
  return `
       select id, count(*) over (partition by key) as size, row_number() over first as n,
         first_value(at) over first as lead_at, first_value(id) over first as lead
       from (select *, ${keys[group]} as key from listed where ${narrowed}) as wanted
       window first as (partition by key order by at ${order}, id ${order})`;
}

function narrowing(deps: ApprovalsDeps, wish: InboxWish, put: (value: unknown) => string): string {
  const { tool, risk, requester, reason, find: words } = wish;
  return [
    'true',
    ...(tool === undefined ? [] : [`tool = ${put(tool)}`]),
    ...(risk === undefined ? [] : [`tool = any(${put(toolsOf(deps, risk))}::text[])`]),
    ...(requester === undefined ? [] : [`requester = ${put(requester)}`]),
    ...(reason === undefined ? [] : [`reasons @> ${put(JSON.stringify([{ code: reason }]))}::jsonb`]),
    ...(words === undefined ? [] : [searching(deps, words, put)]),
  ].join(' and ');
}

/** A place that is not one is the first page. */
function cursorOf(after: string | undefined): { at: string; id: string } | null {
  const [, at, id] = /^(\d{1,17})\.([\w-]{1,128})$/.exec(after ?? '') ?? [];
  return at === undefined || id === undefined ? null : { at, id };
}

function toolsOf({ catalogue }: Pick<ApprovalsDeps, 'catalogue'>, risk: string): string[] {
  return catalogue
    .list()
    .filter((tool) => tool.risk === risk)
    .map((tool) => tool.name);
}

function choicesOf({ people, catalogue }: ApprovalsDeps, found: Whole['choices']): Inbox['choices'] {
  const of = (wanted: string, label: (value: string) => string): Choice[] =>
    found
      .filter(({ kind }) => kind === wanted)
      .map(({ value, count }) => ({ value, count, label: label(value) }));
  return {
    tools: of('tool', (name) => catalogue.get(name)?.title ?? name).map((choice) => ({
      ...choice,
      risk: catalogue.get(choice.value)?.risk ?? null,
    })),
    requesters: of('requester', (principal) =>
      principal === '' ? 'Automations' : displayOf({ people }, principal),
    ),
    reasons: of('reason', (code) => code),
  };
}
