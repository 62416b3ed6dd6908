import { Agent, request } from 'undici';
import type { Answer } from './around.ts';
import { codeOf } from './finding.ts';

/** Where a runner listens, as people read it. */
export const placeOf = (runnerUrl: string): string => {
  const url = new URL(runnerUrl);
  return url.protocol === 'unix:' ? `unix:${url.pathname}` : url.origin;
};

/** Asks n8n or a runner whether it is there; a runner may listen on a Unix socket. */
export async function answerOf(url: string): Promise<Answer> {
  const { protocol, pathname } = new URL(url);
  const socketPath = protocol === 'unix:' ? decodeURIComponent(pathname) : undefined;
  const base = socketPath === undefined ? (url.endsWith('/') ? url : `${url}/`) : 'http://runner/';
  const dispatcher = new Agent(socketPath === undefined ? {} : { connect: { socketPath } });
  try {
    const { statusCode, body } = await request(new URL('healthz', base), {
      dispatcher,
      signal: AbortSignal.timeout(3000),
    });
    await body.dump();
    return { status: statusCode };
  } catch (error) {
    return { unreachable: codeOf(error) };
  } finally {
    await dispatcher.close();
  }
}
