/**
 * Loaded into the gateway's process with `--import`: writes when each HTTP request began and ended, in milliseconds of
 * the monotonic clock that all processes share. The file comes in this module's URL: `trace.ts?FILE`.
 */
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';

/** One request that the gateway answered (`in`) or made (`out`). */
export interface Traced {
  kind: 'in' | 'out';
  path: string;
  from: number;
  to: number;
}

const file = decodeURIComponent(new URL(import.meta.url).search.slice(1));
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const begun = new WeakMap<object, number>();

function ended(kind: Traced['kind'], request: object, path: string | undefined): void {
  const from = begun.get(request);
  if (from === undefined || path === undefined) return;
  const traced: Traced = { kind, path, from, to: now() };
  appendFileSync(file, `${JSON.stringify(traced)}\n`);
}

if (file) {
  subscribe('http.server.request.start', (message) => {
    begun.set((message as { request: object }).request, now());
  });
  subscribe('http.server.response.finish', (message) => {
    const { request } = message as { request: IncomingMessage };
    ended('in', request, request.url);
  });
  subscribe('undici:client:sendHeaders', (message) => {
    begun.set((message as { request: object }).request, now());
  });
  subscribe('undici:request:headers', (message) => {
    const { request } = message as { request: { path: string } };
    ended('out', request, request.path);
  });
}
