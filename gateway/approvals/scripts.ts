/** A word with its marks and joiners: what a reader takes for one name. */
const word = /[\p{L}\p{M}\p{N}]+(?:['’._-][\p{L}\p{M}\p{N}]+)*/gu;

/** Scripts whose letters pass for those of another. The names are Unicode's (UAX #24). */
const scripts = [
  'Latin',
  'Cyrillic',
  'Greek',
  'Armenian',
  'Cherokee',
  'Coptic',
  'Georgian',
  'Hebrew',
  'Arabic',
  'Devanagari',
  'Thai',
  'Hangul',
  'Hiragana',
  'Katakana',
  'Bopomofo',
  'Han',
] as const;
type Script = (typeof scripts)[number] | 'Other';

const isOf = scripts.map((name): [Script, RegExp] => [name, new RegExp(`^\\p{Script=${name}}$`, 'u')]);
const neutral = /^[\p{Script=Common}\p{Script=Inherited}]$/u;

/** Mixtures that people write, as UTS #39 lists them for its level Highly Restrictive. */
const usual: ReadonlySet<Script>[] = [
  new Set(['Latin', 'Han', 'Hiragana', 'Katakana']),
  new Set(['Latin', 'Han', 'Bopomofo']),
  new Set(['Latin', 'Han', 'Hangul']),
];

/** Letters of Cyrillic and Greek that look like Latin ones; a word of nothing else reads as a Latin word. */
const looksLatin = /^[АВЕЅІЈКМНОРСТХУԚԜаеѕіјорсхуһԁԛԝАΑΒΕΖΗΙΚΜΝΟΡΤΥΧοικνρυχ]+$/u;

/**
 * Marks each word whose letters are of several scripts that do not belong together, and each word of another script
 * that reads as a Latin one, so that a payee that only looks like a known one does not pass for it.
 */
export function markMixed(text: string): string {
  // What is written with ASCII alone mixes nothing.
  return /^[\x20-\x7e]*$/.test(text) ? text : text.replace(word, (found) => `${found}${markOf(found)}`);
}

function markOf(found: string): string {
  const used = new Set<Script>();
  for (const letter of found) {
    if (!neutral.test(letter)) used.add(isOf.find(([, test]) => test.test(letter))?.[0] ?? 'Other');
  }
  const names = [...used];
  if (used.size > 1 && !usual.some((mixture) => names.every((name) => mixture.has(name))))
    return ` [mixed letters: ${names.join(', ')}]`;
  const letters = found.replace(/[^\p{L}]/gu, '');
  return used.size === 1 && !used.has('Latin') && looksLatin.test(letters)
    ? ` [letters: ${names.join(', ')}]`
    : '';
}
