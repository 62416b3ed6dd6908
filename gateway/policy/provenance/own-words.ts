import { ownTextOf } from './own-text.ts';
import { isNamed, isOrder, leadsAside } from './phrases.ts';
import { isBare, keysOf, numberKey, tokenise, wordsIn, type Token } from './tokens.ts';
import {
  accountWords,
  clauseSubjects,
  currencies,
  currencyCodes,
  destinationWords,
  effectVerbs,
  folderWords,
  forVerbs,
  namingWords,
  negations,
  payVerbs,
  placeWords,
  readVerbs,
  sourceWords,
  withVerbs,
} from './words.ts';

/** Where a value stands among the words: the first and the last of them. */
export interface Span {
  from: number;
  to: number;
}

/** What a value would be used for. `record` names what is worked on, `destination` where something goes. */
export type Purpose = 'destination' | 'payee' | 'record';

/** The words that the actor of a call typed in the request that is being served. */
export interface OwnWords {
  /** Whether the message also held what somebody else wrote. */
  readonly foreign: boolean;
  /** Every place where a value stands, equal on whole words. */
  find(value: string): Span[];
  /** Every place where a number stands, however its decimals are written. */
  findNumber(value: string | number): Span[];
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
  /** Whether a value at this place is a number that counts something, or a part of a date. */
  isQuantity(span: Span): boolean;
  /** Whether the words around it use the value for this purpose, and do not forbid it. */
  serves(span: Span, purpose: Purpose): boolean;
  /** Whether an order says in its own words what to write: "tell Ann that we are late". */
  readonly dictates: boolean;
  /** Whether the words forbid what they name there. */
  forbids(span: Span): boolean;
}

class Words implements OwnWords {
  readonly foreign: boolean;
  readonly #tokens: Token[];
  readonly #command: boolean;
  readonly #places = new Map<string, number[]>();
  readonly #numbers = new Map<string, Span[]>();
  readonly #folded: string;

  constructor(tokens: Token[], foreign: boolean, command: boolean) {
    this.#tokens = tokens;
    this.foreign = foreign;
    this.#command = command;
    for (const [index, token] of tokens.entries()) {
      if (token.mark) continue;
      for (const key of keysOf(token.word)) add(this.#places, key, index);
      // "Inc." at the end of a sentence is "Inc" as well as "Inc.".
      if (token.stopped) add(this.#places, `x:${token.word.normalize('NFC')}.`, index);
      const number = numberKey(token.word);
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

  findAmount(value: string, strict: boolean): Span[] {
    const priced = strict && this.#tokens.some((token) => token.money);
    return this.findNumber(value).filter(({ from }) => {
      const before = this.#tokens[from - 1]?.word ?? '';
      const coded = /^\p{Lu}{2,3}$/u.test(before) && !currencyCodes.has(before);
      return !coded && (!priced || this.#tokens[from]?.money);
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
    const { clause, quoted } = this.#tokens[span.from] ?? {};
    if (clause === undefined || quoted || this.forbids(span)) return false;
    const words = this.#tokens.filter((token) => token.clause === clause);
    const value = words.indexOf(this.#tokens[span.from] as Token);
    return words.some((_word, at) => isOrder(words, at, verbs) && !leadsAside(words, at, value));
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

  isQuantity(span: Span): boolean {
    return this.#tokens.slice(span.from, span.to + 1).every((token) => token.quantity);
  }

  get dictates(): boolean {
    return this.#tokens.some((token, index) => {
      if (token.lower !== 'that' || !clauseSubjects.has(this.#tokens[index + 1]?.lower ?? '')) return false;
      const sentence = this.#tokens.slice(0, index).filter((one) => one.sentence === token.sentence);
      return sentence.some((_one, at) => isOrder(sentence, at, effectVerbs));
    });
  }

  forbids({ from }: Span): boolean {
    if (this.#command) return false;
    const { clause } = this.#tokens[from] ?? {};
    return this.#tokens.some(
      (token, index) => index < from && token.clause === clause && negations.has(token.lower),
    );
  }

  serves(span: Span, purpose: Purpose): boolean {
    if (this.#command) return true;
    if (this.forbids(span)) return false;
    const here = this.#tokens.slice(span.from, span.to + 1);
    if (here.some((token) => token.quoted)) return false;
    if (purpose === 'record') return true;
    if (here.at(-1)?.possessive && !(purpose === 'payee' && this.#holdsAccount(span))) return false;
    const before = this.#tokens.slice(0, span.from).filter((token) => token.clause === here[0]?.clause);
    const orders = purpose === 'payee' ? payVerbs : effectVerbs;
    const verb = before.find((_token, index) => isOrder(before, index, orders));
    if (!verb) return this.#named(span, orders);
    return this.#leadsTo(before, verb, span);
  }

  /** Whether the nearest word that governs a value makes it a destination of the order. */
  #leadsTo(before: readonly Token[], verb: Token, span: Span): boolean {
    for (const token of before.toReversed()) {
      const word = token.lower;
      if (token === verb || destinationWords.has(word)) return true;
      if (word === 'with') return withVerbs.has(verb.lower);
      if (word === 'for') return forVerbs.has(verb.lower);
      if (placeWords.has(word)) return !this.#after(span).some((later) => later.lower === 'to');
      if (sourceWords.has(word) || readVerbs.has(word)) return false;
    }
    return false;
  }

  /** "Bob's account", "Bob's holiday fund": what is paid into it, Bob gets. */
  #holdsAccount(span: Span): boolean {
    return this.#after(span)
      .slice(0, 2)
      .some((token) => accountWords.has(token.lower));
  }

  #after({ to }: Span): Token[] {
    const clause = this.#tokens[to]?.clause;
    return this.#tokens.slice(to + 1).filter((token) => token.clause === clause);
  }

  /** "Her address is …": given for an order that stands elsewhere in the request. */
  #named({ from }: Span, orders: ReadonlySet<string>): boolean {
    const given = this.#tokens[from - 1];
    return (
      given !== undefined &&
      given.sentence === this.#tokens[from]?.sentence &&
      namingWords.has(given.lower) &&
      this.#tokens.some((token, index) => {
        const from = this.#tokens.findIndex((first) => first.clause === token.clause);
        return isOrder(this.#tokens.slice(from, index + 1), index - from, orders);
      })
    );
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
