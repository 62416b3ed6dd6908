import { compare, parse, type SemVer } from 'semver';
import type { Builtin } from './builtin.ts';

export const semver: Record<string, Builtin> = {
  'semver.is_valid': (version) => read(version) !== null,
  'semver.compare': (one, other) => {
    const [a, b] = [read(one), read(other)];
    return a && b ? compare(a, b) : undefined;
  },
};

/** A version with at most one `v` before it; the library would also read one with blanks around it. */
function read(version: unknown): SemVer | null {
  return typeof version === 'string' && /^v?\d\S*$/.test(version) ? parse(version) : null;
}
