import { ownHeaders, type Egress } from '../../catalogue/index.ts';
import { GatehouseError } from '../../config/index.ts';
import { permit, scrubber, type Allowed, type Answer, type EgressClient } from '../../egress/index.ts';
import type { Connector, ConnectorCall, Outcome } from '../types.ts';

interface HttpArgs {
  method: string;
  url: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON. */
  body?: string | Record<string, unknown>;
  secret?: string;
}

/** A secret and the hosts it may go to, or the hosts of a call without one. */
interface Opening {
  secret: Egress['secrets'][number] | null;
  allowlist: Allowed[];
}

/**
 * Sends the request that a call is. The secret is added here as a header and removed from whatever comes back; redirects
 * are not followed.
 */
export function createHttpConnector(client: EgressClient): Connector {
  return {
    secretFor: ({ egress }, args) => lent(args as unknown as HttpArgs, egress)?.name,
    targetFor({ egress }, args) {
      const { method, url } = args as unknown as HttpArgs;
      if (!lent(args as unknown as HttpArgs, egress)) return undefined;
      const { host, pathname } = new URL(url);
      return { method, host, path: pathname };
    },
    async run(call) {
      const { connector, egress } = call.tool;
      if (connector.kind !== 'http' || !egress)
        throw refused('GH-TOOLS-010', 'The tool may not reach anything.');
      // Checked against the catalogue's schema before the decision.
      const args = call.args as unknown as HttpArgs;
      const { secret, allowlist } = openedFor(args, egress);
      const outgoing = {
        method: args.method,
        url: args.url,
        headers: headersOf(call, args, secret),
        credentials: credentialsOf(secret, call.secret ?? null),
        body: typeof args.body === 'object' ? JSON.stringify(args.body) : (args.body ?? null),
        signal: call.signal,
        maxBytes: connector.maxResponseBytes,
      };
      return outcomeOf(call, await client.send(outgoing, allowlist));
    },
  };
}

/** The secret that a call needs. One that will be refused is lent nothing. */
function lent(args: HttpArgs, egress: Egress | undefined): Opening['secret'] {
  if (!egress) return null;
  try {
    return openedFor(args, egress).secret;
  } catch {
    return null;
  }
}

/** @throws EgressRefused, GatehouseError for a call that may not go out, with the secret that it names */
function openedFor(args: HttpArgs, { hosts, methods, privateNetworks, secrets }: Egress): Opening {
  const secret = args.secret === undefined ? null : secrets.find((entry) => entry.name === args.secret);
  if (secret === undefined) throw refused('GH-TOOLS-013', 'The secret is not in the tool’s list.', 'secret');
  const plainHttp = secret?.plainHttp ?? false;
  const listed = secret?.hosts ?? hosts;
  const allowlist = listed.map((entry) => ({ ...entry, methods, privateNetworks, plainHttp }));
  permit({ written: args.url, method: args.method, credentials: secret !== null }, allowlist);
  return { secret, allowlist };
}

function headersOf(call: ConnectorCall, args: HttpArgs, secret: Opening['secret']): Record<string, string> {
  const headers: Record<string, string> = {
    'idempotency-key': call.attempt,
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

function credentialsOf(secret: Opening['secret'], value: string | null): Record<string, string> {
  if (!secret || value === null) return {};
  if (!/^[\x20-\x7e]+$/.test(value)) throw refused('GH-TOOLS-016', 'The secret cannot be sent as a header.');
  return { [secret.header]: `${secret.prefix}${value}` };
}

function outcomeOf({ tool, secret }: ConnectorCall, answer: Answer): Outcome {
  const { status, headers, body, truncated } = answer;
  if (status >= 300 && status < 400 && status !== 304) {
    const text = 'The host answered with a redirect, which is not followed.';
    return { status: 'failed', reasons: [{ code: 'redirect_refused', text }], result: { status } };
  }
  // The host compared what was pinned with what it has, and they differ (RFC 9110, 412).
  if (status === 412 && Object.keys(tool.pins).length > 0) {
    const text = 'What the call refers to has changed since it was decided, so nothing was done.';
    return { status: 'failed', reasons: [{ code: 'reference_changed', text }], result: { status } };
  }
  const clean = scrubber(secret === undefined ? [] : [secret]);
  return {
    status: 'succeeded',
    result: {
      status,
      contentType: clean(String(headers['content-type'] ?? '')),
      body: clean((body?.toString('utf8') ?? '').replaceAll('\0', '\uFFFD'), truncated),
      truncated,
    },
  };
}

function refused(code: string, message: string, field?: string): GatehouseError {
  return new GatehouseError(code, message, { status: 403, field });
}
