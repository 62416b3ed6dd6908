import { hostname } from 'node:os';
import { Pool } from 'undici';

/** Marks the containers of one process of a runner, and says where that process listens. */
export const labels = { runner: 'dev.gatehouse.runner', address: 'dev.gatehouse.runner.address' } as const;

/** One process of a runner: a name that no other has, its machine, and where it answers there. */
export interface Identity {
  id: string;
  url: string;
}

export const labelsOf = ({ id, url }: Identity): Record<string, string> => ({
  [labels.runner]: id,
  [labels.address]: `${hostname()} ${url}`,
});

const askMs = 2000;

/**
 * Whether the runner that made a container is gone, so that the container is nobody's. In doubt it is not: another machine's
 * runner cannot be asked, nor one that does not answer in time or whose socket is another user's.
 * @param given labels of a container
 */
export async function isOrphan(given: Record<string, string>): Promise<boolean> {
  const [machine, url] = (given[labels.address] ?? '').split(' ');
  if (machine !== hostname() || url === undefined) return false;
  const id = await askWho(url);
  return id !== undefined && id !== given[labels.runner];
}

/** @returns the name of the runner at an address; null where no runner is there, undefined where that cannot be known */
async function askWho(url: string): Promise<unknown> {
  const pool = connect(url);
  try {
    const signal = AbortSignal.timeout(askMs);
    const { body } = await pool.request({ method: 'GET', path: '/healthz', signal });
    return ((await body.json()) as { runner?: unknown } | null)?.runner ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    return ['ECONNREFUSED', 'ENOENT'].includes((error as { code?: string }).code ?? '') ? null : undefined;
  } finally {
    await pool.destroy();
  }
}

/** @param url of a runner: http, or `unix:` and the path of its socket */
export function connect(url: string): Pool {
  const { protocol, origin, pathname } = new URL(url);
  const options = { headersTimeout: 0, bodyTimeout: 0 };
  if (protocol !== 'unix:') return new Pool(origin, options);
  return new Pool('http://runner', { ...options, socketPath: decodeURIComponent(pathname) });
}
