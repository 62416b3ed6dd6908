import type { Request } from 'express';
import type { InboxGrouping, InboxWish, ListName } from '../approvals/index.ts';

/** What the address of an inbox page says; '' where it says nothing, so that a link keeps all of it. */
export interface InboxFilter {
  view: View;
  /** Everything that the viewer may see, or what is theirs to do or was done by them. */
  show: 'you' | 'all';
  /** A tool, or `class:` and a risk class. */
  what: string;
  /** A principal, or `-` for automations. */
  from: string;
  /** The code of a reason. */
  why: string;
  /** Words that are looked for. */
  find: string;
  group: InboxGrouping;
  after: string;
}

const views = ['pending', 'mine', 'decided'] as const;
type View = (typeof views)[number];

const lists: Record<View, Record<InboxFilter['show'], ListName>> = {
  pending: { you: 'needed', all: 'open' },
  mine: { you: 'asked', all: 'asked' },
  decided: { you: 'voted', all: 'ended' },
};

const longest = 200;

/** Reads the address; what is not understood is left out. */
export function readFilter(request: Request): InboxFilter {
  const given = (name: string): string => {
    const value: unknown = request.query[name];
    return typeof value === 'string' && value.length <= longest ? value : '';
  };
  const oneOf = <Value extends string>(name: string, values: readonly Value[], otherwise: Value): Value =>
    values.find((value) => value === given(name)) ?? otherwise;
  const view = oneOf('view', views, 'pending');
  return {
    view,
    show: oneOf('show', ['you', 'all'], 'you'),
    what: given('what'),
    from: given('from'),
    why: given('why'),
    find: given('find').trim(),
    group: oneOf('group', ['requester', 'reason', 'none'], groupingOf(view)),
    after: given('after'),
  };
}

/** What waits is read fastest together; what ended, in its order. */
function groupingOf(view: View): InboxGrouping {
  return view === 'pending' ? 'requester' : 'none';
}

/** The address of the page that shows this, without what goes without saying. */
export function hrefOf(filter: InboxFilter, path = '/approvals'): string {
  const usual: Partial<InboxFilter> = { view: 'pending', show: 'you', group: groupingOf(filter.view) };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter) as [keyof InboxFilter, string][]) {
    if (value !== '' && value !== usual[name]) query.set(name, value);
  }
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

/** The address of a list as it is looked at first. */
export function viewHref(view: View): string {
  return hrefOf({
    view,
    show: 'you',
    what: '',
    from: '',
    why: '',
    find: '',
    group: groupingOf(view),
    after: '',
  });
}

/** The same list without what narrows it. */
export function wholeOf(filter: InboxFilter): InboxFilter {
  return { ...filter, what: '', from: '', why: '', find: '', group: groupingOf(filter.view), after: '' };
}

/** What is asked of the approvals room. */
export function wishOf(filter: InboxFilter): InboxWish {
  const { view, show, what, from, why, find, group, after } = filter;
  const risk = what.startsWith('class:') ? what.slice('class:'.length) : undefined;
  return {
    list: lists[view][show],
    ...(risk !== undefined ? { risk } : what === '' ? {} : { tool: what }),
    ...(from === '' ? {} : { requester: from === '-' ? '' : from }),
    ...(why === '' ? {} : { reason: why }),
    ...(find === '' ? {} : { find }),
    group,
    ...(after === '' ? {} : { after }),
  };
}
