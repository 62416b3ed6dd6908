import { isDayNumber, isMonth, rangeWords } from './calendar.ts';
import { numberKey } from './numbers.ts';
import { currencySigns, currencyWords, orderVerbs, units } from './words.ts';

/** Where a value stands among the words: the first and the last of them. */
export interface Span {
  from: number;
  to: number;
}

/** One whole word of what a person typed. */
export interface Token {
  /** Without the punctuation around it. */
  word: string;
  lower: string;
  /** As it was written. */
  raw: string;
  /** Written with a full stop after it, which may belong to it. */
  stopped: boolean;
  /** A colon that stands by itself: no value of anybody's. */
  mark: boolean;
  sentence: number;
  clause: number;
  /** Inside a long quotation: somebody else's words. */
  quoted: boolean;
  /** `Bob's`: names an owner. */
  possessive: boolean;
  /** A number that counts or measures something, or belongs to a date: never a record's number. */
  quantity: boolean;
  /** A number with a currency beside it. */
  money: boolean;
  /** A number of a date: neither a count nor an amount. */
  dated: boolean;
}

const around = /^[([{"'“‘«<¿¡`*_]+|[)\]}"'”’»>.,;:!?…`*_]+$/gu;
/** What has one form only, as most values do. */
const plain = /^[A-Za-z0-9_-]+$/;
const email = /^(?:mailto:)?([^\s@<>"',;:]+)@([a-z0-9.-]+\.[a-z]{2,})$/iu;
const schemed = /^(https?:\/\/|www\.)/i;
const dotted = /^[\p{L}\p{N}-]+(\.[\p{L}\p{N}-]+)+(:\d+)?(\/\S*)?$/u;
const date = /^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}$|^\d{1,2}:\d{2}/;
/** "it is" and "let us" own nothing. */
const contracted = /^(?:let|it|that|this|here|there|what|who|where|when|how|he|she)['’]s$/iu;
/** More words than this in quotation marks are a text, not a name. */
const longQuote = 12;
const shortestQuote = 40;

/**
 * The forms in which a word is compared, each a kind of equality: `x` letter by letter after NFC (a leading `#` or `@`
 * aside), `e` a mail address with its host in lower case, `u` an address of the web, `b` a bare name with dots, which
 * equals an address of the web but no other bare name, since it may be a file's.
 */
export function keysOf(word: string): string[] {
  if (plain.test(word)) return [`x:${word}`];
  const exact = word.normalize('NFC');
  const mail = email.exec(exact);
  if (mail) return [`e:${mail[1]}@${mail[2]?.toLowerCase()}`];
  if (schemed.test(exact)) return [`x:${exact}`, ...urlKeys('u', exact)];
  const named = exact.replace(/^[#@](?=.)/u, '');
  return dotted.test(named) ? [`x:${named}`, ...urlKeys('b', named)] : [`x:${named}`];
}

function urlKeys(kind: string, text: string): string[] {
  const url = URL.parse(/^https?:/i.test(text) ? text : `https://${text}`);
  if (!url || url.username !== '' || url.password !== '') return [];
  return [
    `${kind}:${url.host.replace(/^www\./, '')}${url.pathname.replace(/\/$/, '')}${url.search}${url.hash}`,
  ];
}

/** Whether a text is one word with nothing around it, as most are. */
export const isBare = (text: string): boolean => /^[A-Za-z0-9-]+$/.test(text);

/** A word without the punctuation around it. */
function wordOf(raw: string): Pick<Token, 'word' | 'lower' | 'possessive'> {
  if (isBare(raw)) return { word: raw, lower: raw.toLowerCase(), possessive: false };
  const stripped = raw.replace(around, '').replace(around, '');
  const possessive = /['’]s$/u.test(stripped) && !contracted.test(stripped);
  const word = possessive ? stripped.slice(0, -2) : stripped;
  return { word, lower: word.normalize('NFC').toLowerCase().replace('’', "'"), possessive };
}

/** A colon that stands by itself is no punctuation of a word. */
const isSign = (raw: string): boolean => raw === ':';

/** The words of {@link tokenise} in lower case, one by one: whoever misses the first need not read a long text. */
export function* wordsIn(text: string): Generator<string> {
  for (const [raw] of text.matchAll(/\S+/gu)) {
    const { lower } = wordOf(raw);
    if (lower !== '') yield lower;
    else if (isSign(raw)) yield raw;
  }
}

/** Cuts text into words and says of each where it stands. */
export function tokenise(text: string): Token[] {
  const tokens: Token[] = [];
  const quotes = text.length > shortestQuote ? quotedSpans(text) : [];
  let sentence = 0;
  let clause = 0;
  let before = '';
  for (const match of text.matchAll(/(\s*)(\S+)/gu)) {
    const [, gap = '', raw = ''] = match;
    const at = match.index + gap.length;
    if (gap.includes('\n') && tokens.length > 0) {
      sentence += 1;
      clause += 1;
    }
    const { word, lower, possessive } = wordOf(raw);
    const last = tokens.at(-1);
    // "and send it", "then pay": a new order begins; "and Bob" goes on with the old one.
    if (
      orderVerbs.has(lower) &&
      last &&
      (last.sentence < sentence || joins.has(last.lower) || /[,;]$/.test(before))
    )
      clause += 1;
    before = raw;
    if (word !== '') {
      tokens.push({
        word,
        lower,
        raw,
        stopped: raw.endsWith(`${word}.`),
        mark: false,
        sentence,
        clause,
        quoted: quotes.some(([from, to]) => at >= from && at < to),
        possessive,
        money: false,
        dated: false,
        quantity: currencySigns.test(word) || date.test(word) || /^\d[\d.,]*%$/.test(word),
      });
    } else if (isSign(raw)) {
      tokens.push({ ...blank, word: raw, lower: raw, raw, sentence, clause });
    }
    if (/[.!?;]["'”’)]*$/u.test(raw) && !/^(?:mr|mrs|ms|dr|st|no|inc|ltd|co|vs|e\.g|i\.e)\.$/i.test(raw)) {
      sentence += 1;
      clause += 1;
    }
  }
  markQuantities(tokens);
  return tokens;
}

/** After one of these an order begins a clause. */
const joins = new Set('and then but or so now plus please also afterwards finally next & - – —'.split(' '));
const blank = {
  stopped: false,
  mark: true,
  quoted: false,
  possessive: false,
  quantity: false,
  money: false,
  dated: false,
};

function markQuantities(tokens: Token[]): void {
  for (const [index, token] of tokens.entries()) {
    const next = tokens[index + 1]?.lower;
    const before = tokens[index - 1]?.lower;
    token.money =
      numberKey(token.word) !== null &&
      (currencySigns.test(token.word) || [next, before].some((word) => currencyWords.has(word ?? '')));
    if (!/^\d/.test(token.word)) continue;
    const measured = [next, before].some((word) => units.has(word ?? ''));
    token.dated = !measured && !token.money && isOfDate(tokens, index);
    token.quantity ||=
      measured ||
      [next, before].some((word) => isMonth(word)) ||
      token.dated ||
      /^\d+(st|nd|rd|th|k|am|pm)$/.test(token.lower);
  }
}

/** The 12, the 15 or the 2027 of "12 to 15 March 2027". */
function isOfDate(tokens: readonly Token[], index: number): boolean {
  const word = (step: number): string => tokens[index + step]?.lower ?? '';
  const month = (step: number): boolean =>
    isMonth(word(step)) || (word(step) === 'of' && isMonth(word(step + 1)));
  if (/^\d{4}$/.test(word(0))) return isMonth(word(-1)) || tokens[index - 1]?.dated === true;
  if (!isDayNumber(word(0))) return false;
  return (
    isMonth(word(-1)) ||
    month(1) ||
    (rangeWords.has(word(1)) && isDayNumber(word(2)) && month(3)) ||
    (rangeWords.has(word(-1)) && tokens[index - 2]?.dated === true)
  );
}

function quotedSpans(text: string): [number, number][] {
  const spans: [number, number][] = [];
  // A straight mark opens where a word begins: what stands between two short quotations is in neither.
  for (const match of text.matchAll(/(?<![^\s([{])"(?=\S)([^"]*)"|“([^”]*)”|«([^»]*)»/gu)) {
    const inside = match[1] ?? match[2] ?? match[3] ?? '';
    if (inside.length >= shortestQuote && inside.split(/\s+/).length > longQuote)
      spans.push([match.index, match.index + match[0].length]);
  }
  return spans;
}
