import { isIP } from 'node:net';
import { refusedRange } from './addresses.ts';
import { EgressRefused } from './refused.ts';

/** One part of the world that a request may reach. */
export interface Allowed {
  /** A full host name or address, with its port where that is not the scheme's own: `api.example.com:8443`. */
  host: string;
  methods: readonly string[];
  /** Prefixes of whole path segments; all of the host where left out. */
  paths?: readonly string[] | undefined;
  /** Credentials may go out over http, readable on their way. */
  plainHttp?: boolean;
  /** Private ranges (CIDR) that its name may lead to. They count only where `host` names its port. */
  privateNetworks?: readonly string[];
}

/** A request that may be sent, by the entry that allows it. */
export interface Permit {
  url: URL;
  /** Private ranges that the entry opens. */
  opened: readonly string[];
}

/**
 * Decides one request, before a name is looked up.
 * @param request.written the address as it was written
 * @param request.credentials whether it carries any, which need https
 * @param allowlist an empty one blocks all
 * @throws EgressRefused naming the rule
 */
export function permit(
  { written, method, credentials }: { written: string; method: string; credentials: boolean },
  allowlist: readonly Allowed[],
): Permit {
  const url = URL.parse(written);
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '')
    throw new EgressRefused('address', 'The address is not a plain http or https URL.', { field: 'url' });
  if (allowlist.length > 0 && !allowlist.some(({ methods }) => methods.includes(method)))
    throw unlisted(method);
  const onHost = allowlist.filter(({ host }) => isHost(host, url));
  if (onHost.length === 0) {
    const next = 'List it under egress in the file of the tool, if it is meant to be reached.';
    throw new EgressRefused('host', `The host ${url.host} is not in the list of this call.`, {
      field: 'url',
      next,
    });
  }
  const forMethod = onHost.filter(({ methods }) => methods.includes(method));
  if (forMethod.length === 0) throw unlisted(method);
  const entry = forMethod.find(({ paths }) => isReachable(written, url, paths));
  if (!entry) {
    const message = `The path ${url.pathname.slice(0, 200)} is not below one that is listed for ${url.host}.`;
    throw new EgressRefused('path', message, { field: 'url' });
  }
  if (credentials && url.protocol === 'http:' && entry.plainHttp !== true)
    throw new EgressRefused('scheme', 'The secret may only go out over https.', { field: 'url' });
  const opened = /:\d+$/.test(entry.host) ? (entry.privateNetworks ?? []) : [];
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  const range = isIP(literal) === 0 ? null : refusedRange(literal, opened);
  if (range !== null) throw refusedNetwork(range);
  return { url, opened };
}

const unlisted = (method: string): EgressRefused =>
  new EgressRefused('method', `The method ${method} is not in the list of this call.`, { field: 'method' });

/** @param range name of the range that the host leads to */
export const refusedNetwork = (range: string): EgressRefused =>
  new EgressRefused(
    'network',
    `The host leads to an address that this call may not reach (${range}): private addresses are closed.`,
    {
      field: 'url',
      next: 'Where it is meant, list host and port, and the address range under privateNetworks.',
    },
  );

function isHost(listed: string, url: URL): boolean {
  if (listed === url.host) return true;
  const port = url.protocol === 'https:' ? '443' : '80';
  return url.port === '' && listed === `${url.hostname}:${port}`;
}

/**
 * Whether an address stays below one of the listed paths of its host. It is the parsed form that is sent, in which `.` and
 * `..` are resolved already; what only the host might resolve (an encoded slash or dot, an empty segment, a path
 * parameter) is refused, and so is an address that a person would read otherwise than the parser does.
 * @param written as the call has it
 * @param url the same, parsed
 * @param paths prefixes of whole segments; undefined where all of the host may be reached
 */
function isReachable(written: string, url: URL, paths: readonly string[] | undefined): boolean {
  if (paths === undefined) return true;
  if (/[\\\s\p{Cc}\p{Cf}]/u.test(written)) return false;
  const { pathname } = url;
  if (/\/\/|[;\\]|%(2e|2f|5c|25|3b|[01][0-9a-f]|7f)/i.test(pathname)) return false;
  return paths.some((path) => {
    const whole = path.replace(/\/$/, '');
    return pathname === whole || pathname.startsWith(`${whole}/`);
  });
}
