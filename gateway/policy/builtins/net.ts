import ipaddr from 'ipaddr.js';
import type { Builtin } from './builtin.ts';

/** `net.cidr_contains` and `net.cidr_intersects` are part of the compiled rules. */
export const net: Record<string, Builtin> = {
  'net.cidr_is_valid': (cidr) => typeof cidr === 'string' && isCidr(cidr),
};

/** An address in its usual form with a prefix length: no zone, and no leading zeros in decimal parts, as Go reads it. */
function isCidr(text: string): boolean {
  const match = /^([0-9A-Fa-f:.]+)\/(\d{1,6})$/.exec(text);
  if (!match?.[1] || !match[2]) return false;
  const [, address, bits] = match;
  if (/(^|[.:])0\d+\.|\.0\d/.test(address)) return false;
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return Number(bits) <= 32;
  return address.includes(':') && ipaddr.IPv6.isValid(address) && Number(bits) <= 128;
}
