import { createHash } from 'node:crypto';
import { Router } from 'express';
import { listedDays, type Inbox, type InboxGroup, type InboxItem } from '../approvals/index.ts';
import { statusFor } from './approval-page.ts';
import type { WebDeps } from './deps.ts';
import { cut, withMoney, type Status } from './format.ts';
import { hrefOf, readFilter, viewHref, wholeOf, wishOf, type InboxFilter } from './inbox-filter.ts';
import { fragment, page } from './render.ts';
import { signedIn, stillSignedIn } from './session.ts';
import { Streams } from './streams.ts';

/** Pages look at most so often, and without a signal so rarely. */
const restMs = 1000;
const idleMs = 20_000;

/** `GET /approvals`: the inbox, and the stream that keeps it up to date. Nothing here decides anything. */
export function inboxRoutes(deps: WebDeps): { router: Router; stop(): void } {
  const streams = new Streams(restMs);
  const stopListening = deps.approvals.onChange(() => streams.wake(''));
  const router = Router();

  router.get(
    '/approvals',
    signedIn(deps, async (viewer, request, response) => {
      const filter = readFilter(request);
      const [inbox, standing] = await Promise.all([
        deps.approvals.inbox(viewer.principal, wishOf(filter)),
        deps.approvals.standing(viewer.principal),
      ]);
      const list = listOf(inbox, filter);
      page(response, 'approvals', {
        title: inbox.needed > 0 ? `Approvals (${inbox.needed})` : 'Approvals',
        current: 'approvals',
        standing,
        filter,
        list,
        choices: inbox.choices,
        risks: [...new Set(inbox.choices.tools.flatMap(({ risk }) => risk ?? []))].sort(),
        narrowed: narrowedBy(inbox.choices, filter),
        whole: list.whole,
        views: viewsOf(filter),
        seesReport: viewer.seesAllReceipts || viewer.steers,
        events: `${hrefOf(filter, '/approvals/events')}${hrefOf(filter, '').includes('?') ? '&' : '?'}seen=${list.version}`,
      });
    }),
  );

  router.get(
    '/approvals/events',
    signedIn(deps, async (viewer, request, response) => {
      const filter = readFilter(request);
      let seen = request.query.seen;
      await streams.serve(
        viewer.principal,
        response,
        () => stillSignedIn(deps, viewer),
        async () => {
          const list = listOf(await deps.approvals.inbox(viewer.principal, wishOf(filter)), filter);
          const html = list.version === seen ? '' : fragment('inbox-list', { list, filter });
          seen = list.version;
          return { html, nextMs: idleMs };
        },
      );
    }),
  );
  return {
    router,
    stop() {
      stopListening();
      streams.stop();
    },
  };
}

interface ListedItem extends InboxItem {
  id: string;
  /** Changes with what is shown, and not with the time. */
  version: string;
  status: Status;
}

/** One request, or several alike that are folded into one line. */
type Entry = { id: string; version: string } & (
  | { item: ListedItem }
  | { like: { size: number; title: string; effects: string; items: ListedItem[]; all: string } }
);

interface InboxPage {
  version: string;
  entries: Entry[];
  needed: number;
  /** Addresses of the next page and, on a later one, of the first. */
  next: string | null;
  first: string | null;
  /** The list without its filters. */
  whole: string;
  days: number;
  now: Date;
}

function listOf(inbox: Inbox, filter: InboxFilter): InboxPage {
  const entries = inbox.groups.flatMap((group) => entriesOf(group, inbox, filter));
  const next = inbox.next === null ? null : hrefOf({ ...filter, after: inbox.next });
  const first = filter.after === '' ? null : hrefOf({ ...filter, after: '' });
  const { needed, now } = inbox;
  const version = hash([entries.map((entry) => [entry.id, entry.version]), next, needed]);
  return { version, entries, needed, next, first, whole: hrefOf(wholeOf(filter)), days: listedDays, now };
}

function entriesOf(group: InboxGroup, inbox: Inbox, filter: InboxFilter): Entry[] {
  const items = group.items.map((item) => listed(item));
  // Those that came along are all of them; more are folded into one line.
  if (items.length === group.size) return items.map((item) => ({ id: item.id, version: item.version, item }));
  const { tool, requester, reasons } = group.items[0].card;
  const byReason = filter.group === 'reason';
  const same = byReason ? reasons.map(({ code }) => code) : [requester.principal];
  const title = inbox.choices.tools.find((choice) => choice.value === tool)?.label ?? tool;
  const narrowed = byReason ? { why: reasons[0]?.code ?? '' } : { from: requester.principal ?? '-' };
  return [
    {
      id: `g-${hash([tool, same])}`,
      version: hash([group.size, items.map((item) => item.version)]),
      like: {
        size: group.size,
        title: byReason ? title : `${title}, asked by ${requester.display}`,
        effects: effectsOf(group),
        items,
        all: hrefOf({ ...filter, what: tool, ...narrowed, group: 'none', after: '' }),
      },
    },
  ];
}

/** The first effects of a group, for its one line. */
function effectsOf({ size, items }: InboxGroup): string {
  const first = items.slice(0, 3).map(({ card }) => cut(withMoney(card.effect, card.facts), 40));
  return `${first.join('; ')} and ${size - first.length} more`;
}

function listed(item: InboxItem): ListedItem {
  return { ...item, id: `r-${item.card.id}`, version: hash(item), status: statusFor(item.card) };
}

function viewsOf(filter: InboxFilter): { name: InboxFilter['view']; label: string; href: string }[] {
  const names = { pending: 'Pending', mine: 'Mine', decided: 'Decided' } as const;
  return (['pending', 'mine', 'decided'] as const).map((view) => ({
    name: view,
    label: names[view],
    href: view === filter.view ? hrefOf({ ...filter, after: '' }) : viewHref(view),
  }));
}

/** What narrows the list, in words. */
function narrowedBy({ tools, requesters, reasons }: Inbox['choices'], filter: InboxFilter): string[] {
  const { what, from, why, find } = filter;
  const labelIn = (choices: Inbox['choices']['reasons'], value: string): string =>
    choices.find((choice) => choice.value === value)?.label ?? value;
  return [
    find === '' ? '' : `“${find}”`,
    what.startsWith('class:') ? what.slice('class:'.length).replaceAll('_', ' ') : labelIn(tools, what),
    from === '' ? '' : labelIn(requesters, from === '-' ? '' : from),
    labelIn(reasons, why),
  ].filter((word) => word !== '');
}

const hash = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 16);
