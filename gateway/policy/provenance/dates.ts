import { ambiguousMonths, dayNumbers, isMonth, isOrdinal, monthOf, rangeWords } from './calendar.ts';
import type { Span, Token } from './tokens.ts';
import { units } from './words.ts';

/** A day as it was written. Without a year it is one of many. */
export interface WrittenDay {
  year: number | null;
  month: number;
  day: number;
  span: Span;
}

/** A day, and the time that may follow it (RFC 3339, or with a space and without its zone). */
const valueForm =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;
const yearFirst = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[Tt]\d{2}:\d{2}\S*)?$/;
const yearLast = /^(\d{1,2})([-/.])(\d{1,2})\2(\d{4})$/;

/** Every day that stands among words, but for those in quotation marks. */
export function writtenDays(tokens: readonly Token[]): WrittenDay[] {
  return tokens.flatMap((token, at) => {
    if (token.mark || token.quoted) return [];
    const day = inDigits(token.word);
    if (day) return [{ ...day, span: { from: at, to: at } }];
    return isMonth(token.lower) ? besideMonth(tokens, at) : [];
  });
}

/** Whether a value may name a day at all, so that a text is only read for days where one is asked for. */
export const isDayForm = (value: string): boolean => valueForm.test(value);

/**
 * Whether a value in ISO form is this day; the time that may follow it is not looked at.
 * @param now a day without a year is the one that comes up next; null where it is none
 */
export function isDay(written: WrittenDay, value: string, now: Date | null): boolean {
  const [, year, month, day] = (valueForm.exec(value) ?? []).map(Number);
  const meant = written.year ?? (now && yearOfNext(written, now));
  return day === written.day && month === written.month && year === meant;
}

/** The year in which a day comes up from yesterday on: where the actor is, today may not have ended. */
function yearOfNext({ month, day }: WrittenDay, now: Date): number | undefined {
  const year = now.getUTCFullYear();
  return [year - 1, year, year + 1].find(
    (one) => isReal(one, month, day) && Date.UTC(one, month - 1, day + 2) > now.getTime(),
  );
}

/** A day that its month does not have falls into another one. */
const isReal = (year: number, month: number, day: number): boolean =>
  new Date(Date.UTC(year, month - 1, day)).getUTCMonth() === month - 1;

/** `2026-03-12`, `12.03.2026`; `12/03/2026` only where it is one day however it is read. */
function inDigits(word: string): Omit<WrittenDay, 'span'> | null {
  const [, year, , month, day] = (yearFirst.exec(word) ?? []).map(Number);
  if (year && month && day) return isReal(year, month, day) ? { year, month, day } : null;
  const [, one = '', sign, two = '', end = ''] = yearLast.exec(word) ?? [];
  // With full stops the day stands first wherever dates are written so (Unicode CLDR).
  const orders =
    sign === '.'
      ? [[two, one]]
      : [
          [two, one],
          [one, two],
        ];
  const days = orders
    .map(([m, d]) => ({ year: Number(end), month: Number(m), day: Number(d) }))
    .filter((date) => isReal(date.year, date.month, date.day));
  const [first, other = first] = days;
  return first?.month === other?.month ? (first ?? null) : null;
}

/** "12 March 2027", "March 12", "from the 12th to the 15th of March". */
function besideMonth(tokens: readonly Token[], at: number): WrittenDay[] {
  const name = tokens[at] as Token;
  const here = (index: number): Token | undefined =>
    tokens[index]?.sentence === name.sentence && !tokens[index]?.quoted ? tokens[index] : undefined;
  const before = daysBefore(here, at - 1);
  const after = daysAfter(here, at + 1);
  // "order 7 March 12": either may be the day.
  if (before && after) return [];
  const found = before ?? after;
  if (!found) return [];
  const last = after ? after.to : at;
  const year = yearAt(here, last + 1);
  if (ambiguousMonths.has(name.lower) && year === null && !found.sure && !isNamed(here, at)) return [];
  return found.days
    .map((day) => ({
      year,
      month: monthOf(name.lower) as number,
      day,
      span: { from: before?.from ?? at, to: year === null ? last : last + 1 },
    }))
    .filter(({ month, day }) => isReal(year ?? 2000, month, day));
}

interface Days {
  days: number[];
  from: number;
  to: number;
  /** Written so that nothing else can be meant: `12th`, `12 of`. */
  sure: boolean;
}
type Look = (index: number) => Token | undefined;

function daysBefore(here: Look, end: number): Days | null {
  const linked = here(end)?.lower === 'of';
  const to = linked ? end - 1 : end;
  const days = daysOf(here(to));
  if (days.length === 0) return null;
  const sure = linked || isOrdinal(here(to)?.lower);
  let from = to;
  for (;;) {
    const step = here(from - 1)?.lower === 'the' ? from - 2 : from - 1;
    const more = daysOf(here(step - 1));
    if (!rangeWords.has(here(step)?.lower ?? '') || more.length === 0 || !beginsDays(here, step - 1))
      return { days, from, to, sure };
    days.unshift(...more);
    from = step - 1;
  }
}

function daysAfter(here: Look, from: number): Days | null {
  const days = daysOf(here(from));
  if (days.length === 0 || !endsDays(here(from + 1))) return null;
  const sure = isOrdinal(here(from)?.lower);
  const next = here(from + 1)?.lower ?? '';
  const last = rangeWords.has(next) && next !== 'and' ? daysOf(here(from + 2)) : [];
  const ends = last.length > 0 && endsDays(here(from + 3));
  return { days: ends ? [...days, ...last] : days, from, to: ends ? from + 2 : from, sure };
}

const daysOf = (token: Token | undefined): number[] => (token?.money ? [] : dayNumbers(token?.lower));

/** What follows makes another number of it: "March 12 guests", "7 March 12 April". */
const endsDays = (next: Token | undefined): boolean => !units.has(next?.lower ?? '') && !isMonth(next?.lower);

const leads = new Set(['from', 'between', 'on', 'the', 'of', 'for', 'and', 'to']);

/** "from 12 to 15 March", ", 12 to 15 March"; in "move 3 to 15 March" the 3 is something else. */
function beginsDays(here: Look, at: number): boolean {
  const before = here(at - 1);
  return (
    isOrdinal(here(at)?.lower) ||
    before === undefined ||
    leads.has(before.lower) ||
    /[,;:(–-]$/.test(before.raw) ||
    /^[([]/.test(here(at)?.raw ?? '')
  );
}

function yearAt(here: Look, index: number): number | null {
  const token = here(index);
  const isYear = /^(?:19|20|21)\d\d$/.test(token?.word ?? '') && !token?.money;
  return isYear && !units.has(here(index + 1)?.lower ?? '') ? Number(token?.word) : null;
}

/** Written with a capital that no sentence asks for, and for "May" not at the beginning either. */
function isNamed(here: Look, at: number): boolean {
  const capital = /^\p{Lu}\p{Ll}/u.test(here(at)?.word ?? '');
  return capital && (here(at)?.lower !== 'may' || here(at - 1) !== undefined);
}
