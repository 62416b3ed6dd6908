import { evaluate, type RestConnector } from '../../../catalogue/index.ts';
import { EgressRefused } from '../../../egress/index.ts';
import type { Reply } from './reply.ts';
import type { Planned } from './request.ts';

type Pages = NonNullable<RestConnector['pages']>;

/** A list that was collected over its pages. */
export interface Collected {
  items: unknown[];
  /** Whether there is more than was collected. */
  more: boolean;
}

/** However small the pages are, nobody turns more of them for one call. */
const mostPages = 20;

/**
 * Collects the items of all pages, up to what the file allows.
 * @param first the answer that is there already
 * @param turn sends the request of another page
 * @returns what was collected, or the answer of a page that is no success
 */
export async function collect(
  pages: Pages,
  { planned, reply: first }: { planned: Planned; reply: Reply },
  turn: (next: Planned) => Promise<Reply>,
): Promise<Collected | Reply> {
  const items: unknown[] = [];
  let reply = first;
  let request = planned;
  for (let page = 1; ; page += 1) {
    const found = evaluate(pages.items, reply.json ?? null);
    const list: unknown[] = Array.isArray(found) ? found : [];
    items.push(...list);
    const next =
      list.length === 0 ? null : nextPage(pages.next, request, reply, { page, count: items.length });
    if (next === null) return { items: items.slice(0, pages.most), more: items.length > pages.most };
    if (items.length >= pages.most || page === mostPages)
      return { items: items.slice(0, pages.most), more: true };
    request = next;
    reply = await turn(next);
    if (reply.status > 299) return reply;
  }
}

function nextPage(
  next: Pages['next'],
  planned: Planned,
  reply: Reply,
  { page, count }: { page: number; count: number },
): Planned | null {
  const withQuery = (name: string, value: string): Planned => {
    const url = new URL(planned.url);
    url.searchParams.set(name, value);
    return { ...planned, url };
  };
  switch (next.by) {
    case 'link': {
      const url = linkedUrl(reply);
      return url === null ? null : { ...planned, url };
    }
    case 'cursor': {
      const cursor = evaluate(next.from, reply.json ?? null);
      if ((typeof cursor !== 'string' && typeof cursor !== 'number') || cursor === '') return null;
      if (next.query !== undefined) return withQuery(next.query, String(cursor));
      return { ...planned, content: { ...(planned.content as object), [next.body ?? 'after']: cursor } };
    }
    case 'number':
      return withQuery(next.query, String(next.first + page));
    case 'offset':
      return withQuery(next.query, String(count));
  }
}

/** `<https://…>; rel="next"`. It is asked with the secret, so it stays on its origin. */
function linkedUrl({ headers, url }: Reply): URL | null {
  const link = String(headers.link ?? '').slice(0, 8000);
  const target = /<([^<>]{1,2000})>\s*;[^,<]*?\brel="?next"?(?=[\s;,]|$)/i.exec(link)?.[1];
  if (target === undefined) return null;
  const next = URL.parse(target, url);
  if (next?.origin === new URL(url).origin) return next;
  throw new EgressRefused('redirect', 'The next page is said to be on another host, which is not asked.');
}
