import { refused } from './refused.ts';

const deepest = 16;
const longestName = 200;

/**
 * Takes a path of a call apart. Names are in NFC, so that two spellings of one name are not two files, and hold nothing
 * that a person cannot see. None begins with a dot: there are our own files, and those of tools that read settings.
 * @param path segments joined by `/`; '' for the folder itself where `root` allows it
 * @returns its segments
 * @throws GatehouseError `GH-TOOLS-062`
 */
export function segmentsOf(path: unknown, root = false): string[] {
  if (typeof path !== 'string' || (path === '' && !root)) throw bad('It is no path.');
  if (path === '') return [];
  if (path.normalize('NFC') !== path || !path.isWellFormed()) throw bad('Its name is not in the form NFC.');
  const segments = path.split('/');
  if (segments.length > deepest) throw bad(`It is deeper than ${deepest} folders.`);
  for (const segment of segments) {
    const flaw = flawOf(segment);
    if (flaw !== null) throw bad(flaw);
  }
  return segments;
}

/** Whether a name of the disk is one that a path may hold. */
export const isName = (name: string): boolean =>
  name.normalize('NFC') === name && name.isWellFormed() && flawOf(name) === null;

function flawOf(segment: string): string | null {
  if (segment === '') return 'It has an empty segment; it begins in the folder, without a slash.';
  if (segment.startsWith('.')) return 'A name begins with a dot.';
  if (/[\\\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\uFFFD]/u.test(segment))
    return 'A name holds a character that cannot be seen, or a backslash.';
  if (/^\s|[\s.]$/u.test(segment)) return 'A name begins or ends with a space, or ends with a dot.';
  if (Buffer.byteLength(segment) > longestName) return `A name is longer than ${longestName} bytes.`;
  return null;
}

const bad = (why: string) =>
  refused('name', `The path cannot be used. ${why}`, 'Write it like reports/2026/june.txt.');
