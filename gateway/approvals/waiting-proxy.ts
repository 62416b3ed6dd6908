import type { Request, RequestHandler, Response as Answer } from 'express';
import type { Logger } from '../config/index.ts';
import { readBounded } from './bounded.ts';
import { formPolicy } from './form-policy.ts';
import { sendWaitingPage, waitingPages, type WaitingPage } from './waiting-page.ts';

const route = /^\/webhook-waiting\/[\w-]{1,64}\/[\w-]{1,64}(\?[\x21-\x7e]{0,2000})?$/;
const bodyLimit = 64 * 1024;
const answerLimit = 1024 * 1024;
const timeoutMs = 30_000;
/** All that n8n gets to see of a visitor: no cookie, no authorization, no signature, no forwarding header. */
const passedOn = ['accept', 'accept-language', 'content-type', 'user-agent'];

/**
 * The one door from the public listener into n8n: GET and POST of `/webhook-waiting/<execution>/<node>`, which n8n
 * signs. What n8n itself would say of a link that is wrong, over or broken becomes a page of ours.
 * @param options.n8nUrl base of n8n on the private network
 * @returns a handler to mount at `/webhook-waiting`, before any body parser
 */
export function waitingProxy(options: { n8nUrl: string; log: Logger }): RequestHandler {
  const base = options.n8nUrl.replace(/\/$/, '');
  return async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'POST') {
      // A HEAD of a link preview must not reach n8n either.
      response.set('Allow', 'GET, POST');
      sendWaitingPage(response, waitingPages.method);
      return;
    }
    if (!route.test(request.originalUrl)) {
      sendWaitingPage(response, waitingPages.missing);
      return;
    }
    const body = request.method === 'POST' ? await readBody(request) : undefined;
    if (body === null) {
      response.set('Connection', 'close');
      sendWaitingPage(response, waitingPages.tooLarge);
      return;
    }
    await forward(`${base}${request.originalUrl}`, request, body, response, options.log);
  };
}

async function forward(
  url: string,
  request: Request,
  body: Buffer<ArrayBuffer> | undefined,
  response: Answer,
  log: Logger,
): Promise<void> {
  let upstream: Response;
  let content: Buffer | null;
  try {
    upstream = await fetch(url, {
      method: request.method,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      headers: passedOn.flatMap((name): [string, string][] => {
        const value = request.get(name);
        return value === undefined ? [] : [[name, value]];
      }),
      body,
    });
    content = await readBounded(upstream, answerLimit);
  } catch (error) {
    log.warn({ err: error }, 'n8n does not answer an approval form');
    response.set('Retry-After', '10');
    sendWaitingPage(response, waitingPages.away);
    return;
  }
  if (content === null) {
    sendWaitingPage(response, waitingPages.broken);
    return;
  }
  const page = pageInstead(upstream.status, content);
  if (page) sendWaitingPage(response, page);
  else pass(upstream, content, response);
}

function pageInstead(status: number, content: Buffer): WaitingPage | undefined {
  if (status === 401 || status === 403) return waitingPages.invalid;
  if (status === 404) return waitingPages.missing;
  if (status === 409) {
    return /is running already/i.test(content.toString()) ? waitingPages.busy : waitingPages.over;
  }
  if (status >= 500) return waitingPages.broken;
  if (status >= 300 && status < 400) return waitingPages.missing;
  // n8n's own page names this in its title; a card of ours may hold the same words only in its body.
  if (/^[\s\S]{0,2000}?<title>\s*No action required\s*<\/title>/i.test(content.toString()))
    return waitingPages.over;
  return undefined;
}

function pass(upstream: Response, content: Buffer, response: Answer): void {
  response.status(upstream.status);
  response.set('Content-Type', upstream.headers.get('content-type') ?? 'application/octet-stream');
  const policy = upstream.headers.get('content-security-policy');
  response.set('Content-Security-Policy', policy ? [policy, formPolicy] : [formPolicy]);
  response.set('Cache-Control', 'no-store');
  response.set('Referrer-Policy', 'no-referrer');
  response.set('X-Content-Type-Options', 'nosniff');
  response.set('X-Frame-Options', 'DENY');
  response.end(content);
}

/** @returns the body as it came, or null for one over the limit */
async function readBody(request: Request): Promise<Buffer<ArrayBuffer> | null> {
  if (Number(request.get('content-length') ?? 0) > bodyLimit) return null;
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop early must not tear the connection down before the visitor has read why.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyLimit) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
