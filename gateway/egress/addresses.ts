import ipaddr from 'ipaddr.js';

type Address = ReturnType<typeof ipaddr.process>;

/**
 * What no entry opens. Clouds hand out credentials at link-local and a few other addresses, nobody offers an API to a
 * whole network at once, and a transition range (RFC 6052, 8215, 3056, 4380, 6145) hides the IPv4 address that it reaches.
 */
const never = cidrs(
  '169.254.0.0/16 168.63.129.16/32 100.100.100.200/32 0.0.0.0/8 224.0.0.0/4 255.255.255.255/32 192.88.99.0/24',
  'fe80::/10 fd00:ec2::/32 ff00::/8 2002::/16 2001::/32 64:ff9b::/96 64:ff9b:1::/48 ::ffff:0:0:0/96',
);

/** The only IPv6 space that IANA has given out for use on the internet. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Why an address may not be called: the name of its range, such as `loopback`. An IPv4 address inside an IPv6 one is judged
 * as the IPv4 address that it reaches.
 * @param opened private ranges in CIDR form that may be reached all the same
 * @returns null for one that may be called: public unicast, or inside an opened range
 */
export function refusedRange(address: string, opened: readonly string[]): string | null {
  if (!ipaddr.isValid(address)) return 'invalid';
  const ip = ipaddr.process(address);
  const range = rangeOf(ip);
  if (isInside(ip, never)) return range === 'unicast' ? 'metadata' : range;
  return range === 'unicast' || isInside(ip, rangesOf(opened)) ? null : range;
}

/** The lists are those of the catalogue, the same for each call. */
const read = new WeakMap<readonly string[], [Address, number][]>();
function rangesOf(opened: readonly string[]): [Address, number][] {
  const ranges = read.get(opened) ?? cidrs(...opened);
  read.set(opened, ranges);
  return ranges;
}

function rangeOf(ip: Address): string {
  const range = ip.range();
  return range === 'unicast' && ip instanceof ipaddr.IPv6 && !ip.match(globalUnicast) ? 'reserved' : range;
}

function isInside(ip: Address, ranges: readonly [Address, number][]): boolean {
  return ranges.some(([range, bits]) => range.kind() === ip.kind() && ip.match(range, bits));
}

function cidrs(...lists: string[]): [Address, number][] {
  return lists.flatMap((list) => list.split(' ').map((range) => ipaddr.parseCIDR(range)));
}
