import { GatehouseError } from '../config/index.ts';

/** The few calls of n8n's public REST API that we need. */
export interface N8nApi {
  /** Whether n8n has something at this path. */
  has(path: string): Promise<boolean>;
  /** All items of a paged list. */
  list<T>(path: string): Promise<T[]>;
  send<T>(method: 'POST' | 'PUT' | 'PATCH', path: string, body: object): Promise<T>;
  /**
   * Sends what holds secrets, or is about something that may be gone.
   * @param hidden what no error may repeat of n8n's answer
   * @returns false where n8n has nothing at this path
   */
  reach(
    method: 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
    hidden?: readonly string[],
  ): Promise<boolean>;
}

/**
 * @param url base address of n8n
 * @param key an API key made in n8n under Settings, n8n API
 * @throws GatehouseError from each call: `GH-CLI-020` when n8n cannot be reached, `GH-CLI-021` with its own words when
 *   it refuses
 */
export function n8nApi(url: string, key: string): N8nApi {
  const base = `${url.replace(/\/$/, '')}/api/v1`;
  async function ask(method: string, path: string, body?: object): Promise<Response> {
    try {
      return await fetch(base + path, {
        method,
        headers: { 'x-n8n-api-key': key, ...(body ? { 'content-type': 'application/json' } : {}) },
        body: body ? JSON.stringify(body) : undefined,
        signal: AbortSignal.timeout(30_000),
      });
    } catch (cause) {
      throw new GatehouseError('GH-CLI-020', `n8n at ${url} cannot be reached.`, {
        next: 'Check the address, and that n8n runs.',
        cause,
      });
    }
  }
  async function call<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await ask(method, path, body);
    if (!answer.ok) throw await refusal(answer, method, path);
    return (await answer.json()) as T;
  }
  return {
    async has(path) {
      const answer = await ask('GET', path);
      if (!answer.ok && answer.status !== 404) throw await refusal(answer, 'GET', path);
      await answer.body?.cancel();
      return answer.ok;
    },
    async list<T>(path: string) {
      const items: T[] = [];
      let cursor: string | null | undefined;
      do {
        const query = cursor ? `?limit=100&cursor=${encodeURIComponent(cursor)}` : '?limit=100';
        const page = await call<{ data: T[]; nextCursor?: string | null }>('GET', path + query);
        items.push(...page.data);
        cursor = page.nextCursor;
      } while (cursor);
      return items;
    },
    send: (method, path, body) => call(method, path, body),
    async reach(method, path, body, hidden) {
      const answer = await ask(method, path, body);
      if (!answer.ok && answer.status !== 404) throw await refusal(answer, method, path, hidden);
      await answer.body?.cancel();
      return answer.ok;
    },
  };
}

async function refusal(
  answer: Response,
  method: string,
  path: string,
  hidden: readonly string[] = [],
): Promise<GatehouseError> {
  const text = await answer.text();
  // In an answer that is JSON they stand as JSON writes them.
  const repeats = hidden.some(
    (value) => text.includes(value) || text.includes(JSON.stringify(value).slice(1, -1)),
  );
  const said = repeats ? 'its answer repeats a secret and is not shown' : reason(text);
  return new GatehouseError('GH-CLI-021', `n8n answered ${answer.status} to ${method} ${path}: ${said}`, {
    next:
      answer.status === 401 || answer.status === 403
        ? 'Make an API key in n8n under Settings, n8n API, with the scopes that docs/own-n8n.md names.'
        : 'Correct what n8n names; its version must be 2.41 or newer.',
  });
}

function reason(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text.slice(0, 200);
  } catch {
    return text.slice(0, 200);
  }
}

/**
 * The key for n8n's public API: given as an option, or in `N8N_API_KEY`.
 * @throws GatehouseError `GH-CLI-022` where there is none
 */
export function apiKeyOf(options: { apiKey?: string }): string {
  const key = options.apiKey ?? process.env.N8N_API_KEY;
  if (key) return key;
  throw new GatehouseError('GH-CLI-022', 'There is no API key for n8n.', {
    next: 'Make one in n8n under Settings, n8n API, and set N8N_API_KEY.',
  });
}
