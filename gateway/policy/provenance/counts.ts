import type { Span, Token } from './tokens.ts';
import { functionWords, irregularPlurals, notPlurals, singles } from './words.ts';

const ones =
  `one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
  nineteen`.split(/\s+/);
const tens = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');

/** @returns the word for a whole number from 1 to 99; null for any other value */
function wordOf(value: string): string | null {
  if (!/^[1-9]\d?$/.test(value)) return null;
  const number = Number(value);
  const ten = tens[Math.floor(number / 10) - 2];
  const one = ones[(ten ? number % 10 : number) - 1];
  return [ten, one].filter((part) => part !== undefined).join('-');
}

/** Every place where a count is written as a word before what it counts: "two nights", "the ten biggest files". */
export function findCount(tokens: readonly Token[], value: string): Span[] {
  const word = wordOf(value);
  if (word === null) return [];
  return tokens.flatMap((token, at) =>
    token.lower === word && !token.quoted && (word === 'one' ? countsOne(tokens, at) : countsMany(tokens, at))
      ? [{ from: at, to: at }]
      : [],
  );
}

const pointing = new Set([
  'the',
  'this',
  'that',
  'which',
  'each',
  'every',
  'any',
  'no',
  'another',
  'other',
  'only',
  'last',
  'next',
]);

/** "one night", and not "that one night" or "the one that costs more". */
function countsOne(tokens: readonly Token[], at: number): boolean {
  const next = follows(tokens, at, 1);
  return singles.has(next?.lower ?? '') && !pointing.has(tokens[at - 1]?.lower ?? '');
}

function countsMany(tokens: readonly Token[], at: number): boolean {
  const [next, after] = [follows(tokens, at, 1), follows(tokens, at, 2)];
  if (!next || functionWords.has(next.lower)) return false;
  return isPlural(next.lower) || isPlural(after?.lower ?? '');
}

/** Goes on without a comma or a full stop. */
function follows(tokens: readonly Token[], at: number, steps: number): Token | undefined {
  const between = tokens.slice(at, at + steps);
  return between.every(({ raw }) => !/[.,;:!?)]$/.test(raw)) ? tokens[at + steps] : undefined;
}

const isPlural = (word: string): boolean =>
  irregularPlurals.has(word) || (/^\p{L}{2,}[^s'’]s$/u.test(word) && !notPlurals.has(word));
