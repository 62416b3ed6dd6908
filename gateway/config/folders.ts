import { realpathSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/**
 * Finds the reserved folder that a folder lies in, contains or is, whatever links lead there.
 * @param folder need not exist yet
 * @returns the reserved folder as it was given; null for a folder apart from all of them
 */
export function sharedWith(folder: string, reserved: readonly string[]): string | null {
  const real = realPath(folder);
  return reserved.find((other) => holds(real, realPath(other)) || holds(realPath(other), real)) ?? null;
}

const holds = (outer: string, inner: string): boolean => {
  const path = relative(outer, inner);
  return path !== '..' && !path.startsWith(`..${sep}`);
};

/** The path without links; of one that does not exist, the nearest part that does. */
function realPath(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch {
    const parent = dirname(whole);
    return parent === whole ? whole : join(realPath(parent), relative(parent, whole));
  }
}
