import type { WebStandIn } from './stand-in.ts';

interface Visited {
  status: number;
  text: string;
  headers: Headers;
}

interface Visits {
  get: (path: string, headers?: Record<string, string>) => Promise<Visited>;
  post: (path: string, fields: Record<string, string>, headers?: Record<string, string>) => Promise<Visited>;
}

/** Looks at pages and sends forms of the page's own origin, as a browser does that follows no redirect. */
export function visits(web: () => WebStandIn): Visits {
  const visit = async (path: string, init: RequestInit): Promise<Visited> => {
    const response = await fetch(web().base + path, { ...init, redirect: 'manual' });
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  return {
    get: (path, headers) => visit(path, { headers: { ...html, ...headers } }),
    post: (path, fields, headers) =>
      visit(path, {
        method: 'POST',
        body: new URLSearchParams(fields),
        headers: { ...html, origin: web().base, ...headers },
      }),
  };
}

/** What a browser asks for. */
export const html = { accept: 'text/html' };

/** Forgets what the tests before did. */
export function asNew({ state }: WebStandIn): void {
  state.votes.length = 0;
  state.submitted.length = 0;
  state.files.length = 0;
  state.steered.length = 0;
  state.outcome = 'accepted';
  state.cards.clear();
}
