import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { refusedRange } from './addresses.ts';
import { refusedNetwork } from './allowlist.ts';

/** Finds the addresses of a name, like `dns.lookup`. */
export type Names = typeof resolve;

/**
 * A resolver for sockets that hands out checked addresses only. The socket connects to exactly what was checked, so
 * a name that resolves to something else a moment later (DNS rebinding) gains nothing.
 * @param opened private ranges that may be reached
 * @param names the resolver below it
 */
export function checkedLookup(opened: readonly string[], names: Names = resolve): LookupFunction {
  return (hostname, options, callback) => {
    names(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return callback(error, '', 0);
      const [first] = addresses;
      // One forbidden address among several is an attempt to slip through, so all of them have to pass.
      const range = addresses.map(({ address }) => refusedRange(address, opened)).find((found) => found);
      if (!first || range) return callback(refusedNetwork(range ?? 'none'), '', 0);
      if (options.all) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}
