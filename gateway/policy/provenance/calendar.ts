/** The English names of the months, in full and as they are shortened. */
const months = new Map(
  `january jan|february feb|march mar|april apr|may|june jun|july jul|august aug|september sept sep|october oct|november nov|
   december dec`
    .split('|')
    .flatMap((names, index) =>
      names
        .trim()
        .split(' ')
        .map((name) => [name, index + 1] as const),
    ),
);

/** @returns 1 to 12; undefined for a word that names no month */
export const monthOf = (lower: string | undefined): number | undefined =>
  lower === undefined ? undefined : months.get(lower);

export const isMonth = (lower: string | undefined): boolean => monthOf(lower) !== undefined;

/** Months that are other words as well: they name a month only where something else says so. */
export const ambiguousMonths: ReadonlySet<string> = new Set(['may', 'march', 'mar']);

const day = /^(\d{1,2})(st|nd|rd|th)?(?:[-–](\d{1,2})(?:st|nd|rd|th)?)?$/;

/** What may be the day, or the first and the last day, of a date: `12`, `12th`, `12-15`. */
export const isDayNumber = (lower: string): boolean => dayNumbers(lower).length > 0;

/** @returns the days that a word like `12th` or `12-15` names, each 1 to 31; none for another word */
export function dayNumbers(lower: string | undefined): number[] {
  const [, first, , last] = day.exec(lower ?? '') ?? [];
  const numbers = [first, last].filter((one) => one !== undefined).map(Number);
  return numbers.every((number) => number >= 1 && number <= 31) ? numbers : [];
}

export const isOrdinal = (lower: string | undefined): boolean => /^\d{1,2}(?:st|nd|rd|th)/.test(lower ?? '');

/** They stand between the first and the last day of a stay. */
export const rangeWords: ReadonlySet<string> = new Set(['to', 'until', 'till', 'through', 'and', '-', '–']);
