import type { Builtin } from './builtin.ts';
import { offsetOf, zoneOf } from './zones.ts';

// Times are whole nanoseconds since 1970, which JavaScript's numbers do not hold: answers are written from BigInt, and
// arguments, which arrive as numbers, are taken to the microsecond.
const largest = 2n ** 63n;
const second = 1_000_000_000n;
const encoder = new TextEncoder();

interface Moment {
  ns: bigint;
  zone: string;
}

export const time: Record<string, Builtin> = {
  'time.parse_rfc3339_ns': (text) => written(typeof text === 'string' ? fromRfc3339(text) : undefined),
  'time.parse_duration_ns': (text) => written(typeof text === 'string' ? fromDuration(text) : undefined),
  'time.weekday': onMoment((local) => days[local.getUTCDay()]),
  'time.date': onMoment((local) => [local.getUTCFullYear(), local.getUTCMonth() + 1, local.getUTCDate()]),
  'time.clock': onMoment((local) => [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()]),
  'time.add_date': (at, years, months, days) => {
    const moment = momentOf(at);
    if (!moment || ![years, months, days].every(Number.isSafeInteger)) return undefined;
    return written(addDate(moment, years as number, months as number, days as number));
  },
  'time.diff': (one, other) => {
    const [a, b] = [momentOf(one), momentOf(other)];
    return a && b && difference(a, b);
  },
};

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

function onMoment(answer: (local: Date) => unknown): Builtin {
  return (at) => {
    const moment = momentOf(at);
    return moment && answer(localOf(moment));
  };
}

function written(ns: bigint | undefined): unknown {
  if (ns === undefined || ns >= largest || ns < -largest) return undefined;
  return encoder.encode(String(ns)).buffer;
}

/** A number of nanoseconds, or `[nanoseconds, zone]`. */
function momentOf(value: unknown): Moment | undefined {
  const [ns, zoneName = 'UTC'] = Array.isArray(value) ? (value as unknown[]) : [value];
  if (typeof ns !== 'number' || !Number.isInteger(ns) || Math.abs(ns) > Number(largest)) return undefined;
  const zone = typeof zoneName === 'string' ? zoneOf(zoneName) : undefined;
  // The shortest digits that mean this number: those that it was written with, where they were whole microseconds.
  return zone === undefined ? undefined : { ns: BigInt(String(ns)), zone };
}

/** What a clock in the moment's zone shows, in the UTC fields of a Date. */
function localOf({ ns, zone }: Moment): Date {
  const seconds = floorDivide(ns, second);
  return new Date((seconds + offsetOf(zone, seconds)) * 1000);
}

const floorDivide = (value: bigint, by: bigint): number => Number((value - (((value % by) + by) % by)) / by);

/** RFC 3339 as Go reads it: an hour may be one digit, and a comma may stand for the point. */
function fromRfc3339(text: string): bigint | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/.exec(
    text,
  );
  if (!match) return undefined;
  const fields = match.slice(1, 7).map(Number);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, seconds = 0] = fields;
  const [zoneHours, zoneMinutes] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (hour > 23 || minute > 59 || seconds > 59 || zoneHours > 24 || zoneMinutes > 60) return undefined;
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  const offset = (match[8] === '-' ? -1 : 1) * (zoneHours * 3600 + zoneMinutes * 60);
  const fraction = BigInt((match[7] ?? '').slice(0, 9).padEnd(9, '0'));
  return BigInt(utcSeconds(year, month, day, hour, minute, seconds) - offset) * second + fraction;
}

const daysIn = (year: number, month: number): number =>
  new Date(utcSeconds(year, month + 1, 0) * 1000).getUTCDate();

/** Seconds since 1970; fields beyond their range carry over. Unlike `Date.UTC`, the year 20 is the year 20. */
function utcSeconds(year: number, month: number, day: number, hour = 0, minute = 0, seconds = 0): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, seconds);
  return date.getTime() / 1000;
}

const units: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const longUnits: Record<string, number> = { d: 24, w: 7 * 24, y: 365 * 24 };

/** Go's durations, such as `1h30m`, and OPA's days, weeks and years, which are so many hours. */
function fromDuration(text: string): bigint | undefined {
  if (/^[+-]?0$/.test(text)) return 0n;
  const whole = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|[smhdwy]))+)$/.exec(text);
  if (!whole?.[2]) return undefined;
  // OPA reads long units by a grammar of its own, which lacks the second of the two letters mu.
  if (/[dwy]/.test(text) && text.includes('μ')) return undefined;
  let sum = 0n;
  for (const [, digits = '', unit = ''] of whole[2].matchAll(/([\d.]+)([^\d.]+)/g)) {
    const hours = longUnits[unit];
    const amount = hours === undefined ? digits : decimal(Number(digits) * hours);
    const [ones = '', fraction = ''] = amount.split('.');
    const scale = hours === undefined ? (units[unit] ?? 0) : 3600e9;
    sum += BigInt(ones || '0') * BigInt(scale);
    if (fraction !== '') sum += BigInt(Math.trunc(Number(fraction) * (scale / 10 ** fraction.length)));
    if (sum > largest) return undefined;
  }
  if (sum === largest && whole[1] !== '-') return undefined;
  return whole[1] === '-' ? -sum : sum;
}

/** A number without exponent, as Go's `FormatFloat(x, 'f', -1)` writes it. */
const decimal = (value: number): string =>
  value.toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 100 });

/** Go's `AddDate`: days that a month lacks carry over; a time that the zone skips moves with its offset. */
function addDate(moment: Moment, years: number, months: number, days: number): bigint | undefined {
  const from = localOf(moment);
  const local = utcSeconds(
    from.getUTCFullYear() + years,
    from.getUTCMonth() + 1 + months,
    from.getUTCDate() + days,
    from.getUTCHours(),
    from.getUTCMinutes(),
    from.getUTCSeconds(),
  );
  if (!Number.isFinite(local)) return undefined;
  const guess = local - offsetOf(moment.zone, local);
  const fraction = ((moment.ns % second) + second) % second;
  return BigInt(local - offsetOf(moment.zone, guess)) * second + fraction;
}

/** Years, months, days, hours, minutes and seconds between two moments, by the calendar of the first one's zone. */
function difference(one: Moment, other: Moment): number[] {
  const [early, late] = one.ns <= other.ns ? [one, other] : [other, one];
  const from = localOf({ ...early, zone: one.zone });
  const to = localOf({ ...late, zone: one.zone });
  // The days of the month that the earlier one lies in: a borrowed month is that long.
  const length = daysIn(from.getUTCFullYear(), from.getUTCMonth() + 1);
  const fields: [distance: number, size: number][] = [
    [to.getUTCSeconds() - from.getUTCSeconds(), 60],
    [to.getUTCMinutes() - from.getUTCMinutes(), 60],
    [to.getUTCHours() - from.getUTCHours(), 24],
    [to.getUTCDate() - from.getUTCDate(), length],
    [to.getUTCMonth() - from.getUTCMonth(), 12],
    [to.getUTCFullYear() - from.getUTCFullYear(), Infinity],
  ];
  let borrowed = 0;
  const parts = fields.map(([distance, size]) => {
    const left = distance - borrowed;
    borrowed = left < 0 ? 1 : 0;
    return left < 0 ? left + size : left;
  });
  return parts.reverse();
}
