import { findCount } from './counts.ts';
import { isDay, isDayForm, writtenDays, type WrittenDay } from './dates.ts';
import { numberKey } from './numbers.ts';
import { ownTextOf } from './own-text.ts';
import { isNamed } from './phrases.ts';
import { demands, dictates, forbids, orders, serves, type Purpose } from './roles.ts';
import { isBare, keysOf, tokenise, wordsIn, type Span, type Token } from './tokens.ts';
import { currencies, currencyCodes, folderWords, functionWords } from './words.ts';

/** The words that the actor of a call typed in the request that is being served. */
export interface OwnWords {
  /** Whether the message also held what somebody else wrote. */
  readonly foreign: boolean;
  /** Every place where a value stands, equal on whole words. */
  find(value: string): Span[];
  /** Every place where a number stands, however its decimals are written; a number of a date is none. */
  findNumber(value: string | number): Span[];
  /**
   * Every place where a size stands: the value word by word, a number, a count in letters before what it counts, or a day,
   * which the request does not rule out.
   * @param now a day without a year is the next of its kind; null where a day needs its year
   */
  findSize(value: string, now: Date | null): Span[];
  /**
   * Every place where a number stands that may be an amount of money: not the number of a flight, and, where others may
   * have had a say and the request puts a currency beside any number, with a currency beside it.
   */
  findAmount(value: string, strict: boolean): Span[];
  /** Whether an amount in this currency (ISO 4217) stands there with its sign or its name. */
  hasCurrency(code: string): boolean;
  /** Every place where a choice of a schema is named: by its own name, upper and lower case aside, or by words for it. */
  findChoice(value: string, spoken?: readonly string[]): Span[];
  /** Whether an amount in another currency than this one stands there. */
  hasOtherCurrency(code: string): boolean;
  /** Whether a folder and a file of these names stand in one sentence, neither forbidden nor quoted. */
  composes(folder: string, file: string): boolean;
  /** Whether an order with one of these verbs, in the same clause as the value, is about it. */
  orders(span: Span, verbs: ReadonlySet<string>): boolean;
  /** Whether a text stands there word by word; upper and lower case aside. */
  holds(text: string): boolean;
  /** Whether a short text is made of words that stand there, and names something with one of them. */
  composesText(text: string): boolean;
  /** Whether a value at this place is a number that counts something, or a part of a date. */
  isQuantity(span: Span): boolean;
  /** Whether the words around it use the value for this purpose, and do not forbid it. */
  serves(span: Span, purpose: Purpose): boolean;
  /** Whether they order anything that has an effect, rather than ask. */
  readonly demands: boolean;
  /** Whether an order says in its own words what to write: "tell Ann that we are late". */
  readonly dictates: boolean;
  /** Whether the words forbid what they name there. */
  forbids(span: Span): boolean;
}

/** Words of a title; a longer text says something of its own. */
const longestTitle = 8;

class Words implements OwnWords {
  readonly foreign: boolean;
  readonly #tokens: Token[];
  readonly #command: boolean;
  readonly #places = new Map<string, number[]>();
  readonly #numbers = new Map<string, Span[]>();
  readonly #folded: string;
  /** Read once, and only where a call has a day among its values. */
  #days: WrittenDay[] | undefined;

  constructor(tokens: Token[], foreign: boolean, command: boolean) {
    this.#tokens = tokens;
    this.foreign = foreign;
    this.#command = command;
    for (const [index, token] of tokens.entries()) {
      if (token.mark) continue;
      for (const key of keysOf(token.word)) add(this.#places, key, index);
      // "Inc." at the end of a sentence is "Inc" as well as "Inc.".
      if (token.stopped) add(this.#places, `x:${token.word.normalize('NFC')}.`, index);
      const number = token.dated ? null : numberKey(token.word);
      if (number !== null) add(this.#numbers, number, { from: index, to: index });
    }
    this.#folded = ` ${tokens.map((token) => token.lower).join(' ')} `;
  }

  find(value: string): Span[] {
    const one = value.normalize('NFC');
    if (!/\s/.test(one)) {
      const spans = one === '' ? [] : this.#at(one).map((at) => ({ from: at, to: at }));
      return spans.length > 0 ? spans : this.#grouped(value);
    }
    const words = one.split(' ');
    if (words.length > 12 || words.some((word) => word === '' || /\s/.test(word))) return [];
    const [first = '', ...rest] = words;
    const spans = this.#at(first).flatMap((from) =>
      rest.every((word, index) => this.#at(word).includes(from + index + 1))
        ? [{ from, to: from + rest.length }]
        : [],
    );
    return spans.length > 0 ? spans : this.#grouped(value);
  }

  #at(word: string): number[] {
    const keys = keysOf(word);
    if (keys.length === 1) return this.#places.get(keys[0] ?? '') ?? [];
    const found = keys.flatMap((key) => {
      const form = key.slice(2);
      // A bare name with dots equals an address of the web, and the other way round; two bare ones may be files.
      if (key.startsWith('u:'))
        return [...(this.#places.get(key) ?? []), ...(this.#places.get(`b:${form}`) ?? [])];
      if (key.startsWith('b:')) return this.#places.get(`u:${form}`) ?? [];
      return this.#places.get(key) ?? [];
    });
    return [...new Set(found)];
  }

  /** An IBAN or a phone number, however it is grouped. */
  #grouped(value: string): Span[] {
    const wanted = compact(value);
    if (!/^[A-Z]{2}\d{2}[A-Z0-9]{8,30}$|^\+?\d{7,15}$/.test(wanted)) return [];
    const spans: Span[] = [];
    for (let from = 0; from < this.#tokens.length; from += 1) {
      let joined = '';
      for (let to = from; to < this.#tokens.length && joined.length < wanted.length; to += 1) {
        const token = this.#tokens[to];
        if (!token || token.quantity || !/^[+(]?[A-Za-z0-9()./-]+$/.test(token.word)) break;
        joined += compact(token.word);
        if (joined === wanted) spans.push({ from, to });
      }
    }
    return spans;
  }

  findNumber(value: string | number): Span[] {
    const wanted = numberKey(String(value));
    return wanted === null ? [] : (this.#numbers.get(wanted) ?? []);
  }

  findSize(value: string, now: Date | null): Span[] {
    const typed = this.find(value).filter(({ from, to }) => from < to || !this.#tokens[from]?.dated);
    if (!/\d/.test(value)) return typed;
    const meant = [...findCount(this.#tokens, value), ...this.#findDay(value, now)];
    return [...typed, ...this.findNumber(value), ...meant.filter((span) => !this.forbids(span))];
  }

  #findDay(value: string, now: Date | null): Span[] {
    if (!isDayForm(value)) return [];
    this.#days ??= writtenDays(this.#tokens);
    return this.#days.filter((day) => isDay(day, value, now)).map((day) => day.span);
  }

  findAmount(value: string, strict: boolean): Span[] {
    const priced = strict && this.#tokens.some((token) => token.money);
    return this.findNumber(value).filter((span) => {
      const before = this.#tokens[span.from - 1]?.word ?? '';
      const coded = /^\p{Lu}{2,3}$/u.test(before) && !currencyCodes.has(before);
      const here = this.#tokens[span.from];
      return !coded && !here?.quoted && (!priced || here?.money === true) && !this.forbids(span);
    });
  }

  findChoice(value: string, spoken: readonly string[] = []): Span[] {
    return [value, ...spoken].flatMap((name) => {
      const words = name.normalize('NFC').toLowerCase().split(' ');
      return this.#tokens.flatMap((_token, from) =>
        words.every((word, index) => this.#tokens[from + index]?.lower === word)
          ? [{ from, to: from + words.length - 1 }]
          : [],
      );
    });
  }

  hasCurrency(code: string): boolean {
    return this.#tokens.some((token) => isNamed(code, token));
  }

  hasOtherCurrency(code: string): boolean {
    return this.#tokens.some((token) =>
      currencyCodes.has(token.word)
        ? token.word !== code
        : Object.keys(currencies).some((other) => other !== code && isNamed(other, token)),
    );
  }

  composes(folder: string, file: string): boolean {
    const told = (token: Token, index: number): boolean =>
      !token.mark && !token.quoted && !this.forbids({ from: index, to: index });
    const folders = this.#tokens.filter((token, index) => {
      const word = token.word.normalize('NFC');
      // A path names the folder that it lies in as well.
      return told(token, index) && (word === folder || word.replace(/\/[^/]*$/, '') === folder)
        ? word.includes('/') || folderWords.has(this.#tokens[index - 1]?.lower ?? '')
        : false;
    });
    return this.#tokens.some((token, index) => {
      const word = token.word.normalize('NFC');
      const named = word === file || (word.endsWith(`/${file}`) && !word.includes('://'));
      return named && told(token, index) && folders.some((one) => one.sentence === token.sentence);
    });
  }

  orders(span: Span, verbs: ReadonlySet<string>): boolean {
    return orders(this.#tokens, span, verbs);
  }

  holds(text: string): boolean {
    if (isBare(text)) return this.#folded.includes(` ${text.toLowerCase()} `);
    const words: string[] = [];
    for (const word of wordsIn(text)) {
      if (!this.#folded.includes(` ${word} `)) return false;
      words.push(word);
    }
    return words.length > 0 && this.#folded.includes(` ${words.join(' ')} `);
  }

  composesText(text: string): boolean {
    let count = 0;
    let names = false;
    for (const word of wordsIn(text)) {
      count += 1;
      if (count > longestTitle || !this.#folded.includes(` ${word} `)) return false;
      names ||= word.length > 2 && !functionWords.has(word) && !/\d/.test(word);
    }
    return names;
  }

  isQuantity(span: Span): boolean {
    return this.#tokens.slice(span.from, span.to + 1).every((token) => token.quantity);
  }

  get demands(): boolean {
    return this.#command || demands(this.#tokens);
  }

  get dictates(): boolean {
    return dictates(this.#tokens);
  }

  forbids(span: Span): boolean {
    return !this.#command && forbids(this.#tokens, span);
  }

  serves(span: Span, purpose: Purpose): boolean {
    return this.#command || serves(this.#tokens, span, purpose);
  }
}

function add<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

const compact = (text: string): string => text.replace(/[\s().\/-]/g, '').toUpperCase();

/** The words of a command, each in the place that its grammar gives it: they need no sentence around them. */
export function wordsOfCommand(words: readonly string[]): OwnWords {
  return new Words(tokenise(words.join(' ')), false, true);
}

/** The words of a message, without what its sender quoted or passed on. */
export function wordsOfText(text: string): OwnWords {
  const own = ownTextOf(text);
  return new Words(tokenise(own.text), own.foreign, false);
}

/** Of somebody who has no words here: a stranger, an automation. */
export const noWords: OwnWords = wordsOfCommand([]);
