import type { IncomingHttpHeaders } from 'node:http';
import type { LookupFunction } from 'node:net';
import { Agent, buildConnector, request, type Dispatcher } from 'undici';
import { GatehouseError } from '../config/index.ts';
import { permit, type Allowed } from './allowlist.ts';
import { EgressRefused } from './refused.ts';
import { checkedLookup, type Names } from './resolve.ts';

/** A request that should leave. */
export interface Outgoing {
  method: string;
  url: string;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** Headers that prove who asks. They go to the origin that they were made for, and to no other that it redirects to. */
  credentials?: Readonly<Record<string, string>>;
  body?: string | Buffer | null;
  /** Ends the request, whatever it waits for. */
  signal: AbortSignal;
  /** How many redirects of a GET or HEAD are followed; any other redirect is an answer. */
  redirects?: number;
}

/** An answer whose body is read as it comes. */
export interface Opened {
  /** Where it came from, after redirects. */
  url: string;
  status: number;
  headers: IncomingHttpHeaders;
  body: Dispatcher.ResponseData['body'];
}

/** What came back. */
export interface Answer {
  /** Where it came from, after redirects. */
  url: string;
  status: number;
  headers: IncomingHttpHeaders;
  /** As it was sent, never decompressed. Null where it is packed although that was not asked for: nothing looks into it. */
  body: Buffer | null;
  /** Whether there was more than `maxBytes`. */
  truncated: boolean;
}

/** The one way out for HTTP. */
export interface EgressClient {
  /**
   * Sends a request that the list allows, over a connection to an address that was checked.
   * @param outgoing.maxBytes what is read of the answer's body at most
   * @throws EgressRefused for what is not allowed, also at a redirect; GatehouseError `GH-EGRESS-010` where the host cannot
   *   be reached: nothing was sent. Any other error leaves open whether the host acted.
   */
  send(outgoing: Outgoing & { maxBytes: number }, allowlist: readonly Allowed[]): Promise<Answer>;
  /** `send`, for an answer that is read as it comes: its body has to be read to its end or destroyed. */
  open(outgoing: Outgoing, allowlist: readonly Allowed[]): Promise<Opened>;
}

const connectMs = 5000;
const redirecting = [301, 302, 303, 307, 308];

/**
 * @param options.names finds the addresses of a name; replaced in tests
 * @returns a client that keeps connections for seconds, each to an address that was checked when it was made
 */
export function createEgress(options: { names?: Names } = {}): EgressClient {
  const agents = new Map<string, Agent>();
  // Connections are shared only by calls to which the same networks are open.
  const agentFor = (opened: readonly string[]): Agent => {
    const key = [...opened].sort().join(' ');
    const known = agents.get(key);
    if (known) return known;
    const agent = new Agent({ connect: connector(checkedLookup(opened, options.names)) });
    agents.set(key, agent);
    return agent;
  };

  const open: EgressClient['open'] = async (outgoing, allowlist) => {
    const { method, signal } = outgoing;
    const follows = ['GET', 'HEAD'].includes(method) ? (outgoing.redirects ?? 0) : 0;
    let written = outgoing.url;
    let credentials = outgoing.credentials ?? {};
    for (let hop = 0; ; hop += 1) {
      const carries = Object.keys(credentials).length > 0;
      const { url, opened } = permit({ written, method, credentials: carries }, allowlist);
      const { statusCode, headers, body } = await request(url, {
        method,
        headers: headersOf(outgoing.headers, credentials),
        body: outgoing.body ?? null,
        signal,
        dispatcher: agentFor(opened),
      }).catch((error: unknown) => {
        throw understood(error);
      });
      const location = redirecting.includes(statusCode) ? headers.location : undefined;
      if (follows === 0 || location === undefined)
        return { url: url.href, status: statusCode, headers, body };
      await body.dump({ limit: 65_536, signal });
      if (hop === follows)
        throw new EgressRefused('redirect', `The host redirects more than ${follows} times.`);
      const next = URL.parse(String(location), url.href);
      if (!next) throw new EgressRefused('redirect', 'The host redirects to what is not an address.');
      if (next.origin !== url.origin) credentials = {};
      written = next.href;
    }
  };

  return {
    open,
    send: async (outgoing, allowlist) => answered(await open(outgoing, allowlist), outgoing.maxBytes),
  };
}

function headersOf(
  headers: Outgoing['headers'],
  credentials: Readonly<Record<string, string>>,
): Record<string, string> {
  // What came back packed could not be searched for the secret, and unpacks to any size.
  const all = { 'user-agent': 'Gatehouse', ...headers, 'accept-encoding': 'identity', ...credentials };
  for (const [name, value] of Object.entries(all)) {
    if (!/^[a-z0-9-]{1,60}$/.test(name) || !/^[\x20-\x7e]*$/.test(value))
      throw new EgressRefused(
        'header',
        `The header ${name.slice(0, 60)} has a value that no header can have.`,
      );
  }
  return all;
}

async function answered({ body, ...head }: Opened, maxBytes: number): Promise<Answer> {
  const encoding = head.headers['content-encoding'];
  const packed = encoding !== undefined && String(encoding).toLowerCase() !== 'identity';
  if (packed) {
    await body.dump({ limit: maxBytes });
    return { ...head, body: null, truncated: true };
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early closes the connection.
  for await (const part of body as AsyncIterable<Uint8Array>) {
    parts.push(part);
    length += part.byteLength;
    if (length > maxBytes) break;
  }
  const bytes = Buffer.concat(parts);
  return { ...head, body: bytes.subarray(0, maxBytes), truncated: length > maxBytes };
}

/** There was no connection yet, so that nothing was sent. */
class NotConnected extends Error {}

/** Makes connections, and marks the errors of making them: of a name, of the network, of TLS. */
function connector(lookup: LookupFunction): buildConnector.connector {
  const connect = buildConnector({ lookup, timeout: connectMs });
  return (target, done) =>
    connect(target, (...[error, socket]) =>
      error ? done(new NotConnected(error.message, { cause: error }), null) : done(null, socket),
    );
}

/** Errors before a connection existed say that nothing was sent; anything later is left as it is. */
function understood(error: unknown): unknown {
  if (!(error instanceof NotConnected)) return error;
  if (error.cause instanceof EgressRefused) return error.cause;
  return new GatehouseError('GH-EGRESS-010', 'The host cannot be reached.', {
    status: 502,
    next: 'Try again later; nothing was sent.',
    cause: error,
  });
}
