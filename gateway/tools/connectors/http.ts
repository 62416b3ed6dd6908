import { isIP } from 'node:net';
import { Agent, request, type Dispatcher } from 'undici';
import { ownHeaders, type Egress, type Tool } from '../../catalogue/index.ts';
import { GatehouseError } from '../../config/index.ts';
import type { Connector, ConnectorCall, Outcome } from '../types.ts';
import { checkedLookup, EgressRefused, isAllowedAddress, isReachable } from './egress.ts';
import { scrub } from './scrub.ts';

interface HttpArgs {
  method: Dispatcher.HttpMethod;
  url: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON. */
  body?: string | Record<string, unknown>;
  secret?: string;
}

/** A host without a secret that is spelled in the file, or a secret and the hosts it may go to. */
interface Permit {
  url: URL;
  secret: Egress['secrets'][number] | null;
}

/**
 * Calls listed hosts. The secret is added here as a header and removed from whatever comes back; redirects are not
 * followed; every resolved address is checked at the moment of connecting.
 */
export function createHttpConnector(): Connector {
  return {
    secretFor({ egress }, args) {
      const wanted = egress && tryPermit(args as unknown as HttpArgs, egress);
      return wanted?.secret?.name;
    },
    targetFor({ egress }, args) {
      const { method } = args as unknown as HttpArgs;
      const wanted = egress && tryPermit(args as unknown as HttpArgs, egress);
      return wanted ? { method, host: wanted.url.host, path: wanted.url.pathname } : undefined;
    },
    async run(call) {
      const { connector, egress } = call.tool;
      if (connector.kind !== 'http' || !egress)
        throw refused('GH-TOOLS-010', 'The tool may not reach anything.');
      // Checked against the catalogue's schema before the decision.
      const args = call.args as unknown as HttpArgs;
      const permit = permitted(args, egress);
      return send(call, args, egress, permit, call.secret ?? null, connector.maxResponseBytes);
    },
  };
}

/** A call that will be refused is lent nothing. */
function tryPermit(args: HttpArgs, egress: Egress): Permit | null {
  try {
    return permitted(args, egress);
  } catch {
    return null;
  }
}

function permitted(args: HttpArgs, egress: Egress): Permit {
  const url = URL.parse(args.url);
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw refused('GH-TOOLS-011', 'The address is not a plain http or https URL.', 'url');
  }
  if (!(egress.methods as string[]).includes(args.method)) {
    throw refused('GH-TOOLS-012', `The method ${args.method} is not in the tool's list.`, 'method');
  }
  const secret =
    args.secret === undefined ? null : egress.secrets.find((entry) => entry.name === args.secret);
  if (secret === undefined) throw refused('GH-TOOLS-013', 'The secret is not in the tool’s list.', 'secret');
  const entries = (secret?.hosts ?? egress.hosts).filter((entry) => entry.host === url.host);
  if (entries.length === 0) {
    throw refused('GH-TOOLS-014', 'The host is not in the list of this tool and secret.', 'url');
  }
  if (!entries.some(({ paths }) => isReachable(args.url, url, paths))) {
    throw refused('GH-TOOLS-020', 'The path is not below one that is listed for this host.', 'url');
  }
  if (secret && url.protocol === 'http:' && !secret.plainHttp) {
    throw refused('GH-TOOLS-019', 'The secret may only go out over https.', 'url');
  }
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && !isAllowedAddress(literal, egress.privateNetworks)) throw privateAddress();
  return { url, secret };
}

async function send(
  call: ConnectorCall,
  args: HttpArgs,
  egress: Egress,
  { url, secret }: Permit,
  value: string | null,
  maxBytes: number,
): Promise<Outcome> {
  const agent = new Agent({
    connect: { lookup: checkedLookup(egress.privateNetworks), timeout: 5000 },
    pipelining: 0,
  });
  try {
    const response = await request(url, {
      method: args.method,
      headers: headersOf(call, args, secret, value),
      body: typeof args.body === 'object' ? JSON.stringify(args.body) : (args.body ?? null),
      signal: call.signal,
      dispatcher: agent,
    });
    if (response.statusCode >= 300 && response.statusCode < 400 && response.statusCode !== 304) {
      return {
        status: 'failed',
        reasons: [
          { code: 'redirect_refused', text: 'The host answered with a redirect, which is not followed.' },
        ],
        result: { status: response.statusCode },
      };
    }
    if (isStale(call.tool, response.statusCode)) {
      const text = 'What the call refers to has changed since it was decided, so nothing was done.';
      return { status: 'failed', reasons: [{ code: 'reference_changed', text }], result: { status: 412 } };
    }
    // Compressed in spite of what was asked for: nothing could be found in it, so nothing of it is handed on.
    const body = isPlain(response.headers['content-encoding'])
      ? await readBody(response.body, maxBytes)
      : { text: '', truncated: true };
    const clean = (text: string, cut = false): string => (value === null ? text : scrub(text, value, cut));
    return {
      status: 'succeeded',
      result: {
        status: response.statusCode,
        contentType: clean(String(response.headers['content-type'] ?? '')),
        body: clean(body.text, body.truncated),
        truncated: body.truncated,
      },
    };
  } catch (error) {
    throw understood(error);
  } finally {
    await agent.destroy();
  }
}

function isPlain(encoding: string | string[] | undefined): boolean {
  return encoding === undefined || String(encoding).toLowerCase() === 'identity';
}

function headersOf(
  call: ConnectorCall,
  args: HttpArgs,
  secret: Permit['secret'],
  value: string | null,
): Record<string, string> {
  const headers: Record<string, string> = {
    'user-agent': 'Gatehouse',
    'idempotency-key': call.attempt,
    'accept-encoding': 'identity',
    ...(typeof args.body === 'object' ? { 'content-type': 'application/json' } : {}),
  };
  const fixed = headersOfTool(call);
  Object.assign(headers, fixed);
  const given = new Set<string>();
  for (const [name, text] of Object.entries(args.headers ?? {})) {
    const lower = name.toLowerCase();
    if (
      given.has(lower) ||
      Object.hasOwn(fixed, lower) ||
      !/^[a-z0-9-]{1,60}$/.test(lower) ||
      !/^[\x20-\x7e]*$/.test(text) ||
      ownHeaders.test(lower) ||
      lower === secret?.header
    ) {
      throw refused('GH-TOOLS-015', 'A header of the call may not be set by it.', 'headers');
    }
    given.add(lower);
    headers[lower] = text;
  }
  if (secret && value !== null) {
    if (!/^[\x20-\x7e]+$/.test(value))
      throw refused('GH-TOOLS-016', 'The secret cannot be sent as a header.');
    headers[secret.header] = `${secret.prefix}${value}`;
  }
  return headers;
}

/** The headers that the tool's file fills from arguments, such as the version that was approved. */
function headersOfTool({ tool, args }: ConnectorCall): Record<string, string> {
  const declared = tool.connector.kind === 'http' ? Object.entries(tool.connector.headers) : [];
  return Object.fromEntries(
    declared.flatMap(([name, source]) => {
      const key = source.slice('args.'.length);
      if (!Object.hasOwn(args, key)) return [];
      const text = String(args[key]);
      if (!/^[\x20-\x7e]*$/.test(text))
        throw refused('GH-TOOLS-015', 'A header of the call may not be set by it.', key);
      return [[name, text]];
    }),
  );
}

/** The host compared what was pinned with what it has, and they differ (RFC 9110, 412). */
const isStale = (tool: Tool, status: number): boolean => status === 412 && Object.keys(tool.pins).length > 0;

async function readBody(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<{ text: string; truncated: boolean }> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    parts.push(part);
    length += part.byteLength;
    if (length > maxBytes) break;
  }
  const bytes = Buffer.concat(parts);
  const text = bytes.subarray(0, maxBytes).toString('utf8').replaceAll('\0', '\uFFFD');
  return { text, truncated: bytes.length > maxBytes };
}

/** Errors before a connection existed say that nothing was sent; anything later is left unknown. */
function understood(error: unknown): unknown {
  const codes = [error, (error as { cause?: unknown }).cause].map(
    (item) => (item as { code?: unknown } | null)?.code,
  );
  if (error instanceof EgressRefused || codes.includes('EGRESS_REFUSED')) return privateAddress();
  const unsent = [
    'ENOTFOUND',
    'EAI_AGAIN',
    'ECONNREFUSED',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'UND_ERR_CONNECT_TIMEOUT',
  ];
  return codes.some((code) => unsent.includes(String(code)))
    ? refused('GH-TOOLS-018', 'The host cannot be reached.')
    : error;
}

const privateAddress = (): GatehouseError =>
  refused('GH-TOOLS-017', 'The host leads to a private address that this tool may not reach.', 'url');

function refused(code: string, message: string, field?: string): GatehouseError {
  return new GatehouseError(code, message, { status: 403, field });
}
