import { GatehouseError } from '../config/index.ts';

/** The few calls of n8n's public REST API that an import needs. */
export interface N8nApi {
  get<T>(path: string): Promise<T>;
  /** All items of a paged list. */
  list<T>(path: string): Promise<T[]>;
  send<T>(method: 'POST' | 'PUT' | 'PATCH', path: string, body: object): Promise<T>;
}

/**
 * @param url base address of n8n
 * @param key an API key made in n8n under Settings, n8n API
 * @throws GatehouseError from each call: `GH-CLI-020` when n8n cannot be reached, `GH-CLI-021` with its own words when
 *   it refuses
 */
export function n8nApi(url: string, key: string): N8nApi {
  const base = `${url.replace(/\/$/, '')}/api/v1`;
  async function call<T>(method: string, path: string, body?: object): Promise<T> {
    let answer: Response;
    try {
      answer = await fetch(base + path, {
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
    const text = await answer.text();
    if (!answer.ok) {
      throw new GatehouseError(
        'GH-CLI-021',
        `n8n answered ${answer.status} to ${method} ${path}: ${reason(text)}`,
        {
          next:
            answer.status === 401
              ? 'Make an API key in n8n under Settings, n8n API, with rights on workflows and credentials.'
              : 'Correct what n8n names; its version must be 2.41 or newer and its nodes must include ours.',
        },
      );
    }
    return JSON.parse(text) as T;
  }
  return {
    get: (path) => call('GET', path),
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
  };
}

function reason(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text.slice(0, 200);
  } catch {
    return text.slice(0, 200);
  }
}
