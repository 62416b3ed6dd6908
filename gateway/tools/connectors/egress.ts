import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Whether an address may be called: public unicast, or inside a private network that the tool lists. An IPv4 address
 * inside an IPv6 one is judged as the IPv4 address it reaches.
 * @param privateNetworks CIDR ranges
 */
export function isAllowedAddress(address: string, privateNetworks: readonly string[]): boolean {
  if (!ipaddr.isValid(address)) return false;
  const ip = ipaddr.process(address);
  if (ip.range() === 'unicast') return true;
  return privateNetworks.some((network) => {
    const [range, bits] = ipaddr.parseCIDR(network);
    return range.kind() === ip.kind() && ip.match(range, bits);
  });
}

/**
 * Whether an address stays below one of the listed paths of its host. It is the parsed form that is sent, in which `.` and
 * `..` are resolved already; what only the host might resolve (an encoded slash or dot, an empty segment, a path
 * parameter) is refused, and so is an address that a person would read otherwise than the parser does.
 * @param written as the call has it
 * @param url the same, parsed
 * @param paths prefixes of whole segments; undefined where all of the host may be reached
 */
export function isReachable(written: string, url: URL, paths: readonly string[] | undefined): boolean {
  if (paths === undefined) return true;
  if (/[\\\s\p{Cc}\p{Cf}]/u.test(written)) return false;
  const { pathname } = url;
  if (/\/\/|[;\\]|%(2e|2f|5c|25|3b|[01][0-9a-f]|7f)/i.test(pathname)) return false;
  return paths.some((path) => {
    const whole = path.replace(/\/$/, '');
    return pathname === whole || pathname.startsWith(`${whole}/`);
  });
}

/**
 * A resolver for sockets that hands out checked addresses only. The socket connects to exactly what was checked, so
 * a name that resolves to something else a moment later (DNS rebinding) gains nothing.
 * @param names the resolver below it, replaced in tests
 */
export function checkedLookup(
  privateNetworks: readonly string[],
  names: typeof resolve = resolve,
): LookupFunction {
  return (hostname, options, callback) => {
    names(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return callback(error, '', 0);
      const [first] = addresses;
      // One forbidden address among several is an attempt to slip through, so all of them have to pass.
      if (!first || !addresses.every(({ address }) => isAllowedAddress(address, privateNetworks))) {
        return callback(new EgressRefused(), '', 0);
      }
      if (options.all) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}

/** The name leads to an address that the tool may not reach. */
export class EgressRefused extends Error {
  readonly code = 'EGRESS_REFUSED';

  constructor() {
    super('the host leads to an address that this tool may not reach');
    this.name = 'EgressRefused';
  }
}
