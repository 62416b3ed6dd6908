/** How far a request is, or how it ended: always a word and an icon, never colour alone. */
export type Status =
  | 'received'
  | 'deciding'
  | 'waiting'
  | 'needs-you'
  | 'planned'
  | 'answered'
  | 'done'
  | 'approved'
  | 'refused'
  | 'failed'
  | 'rejected'
  | 'expired'
  | 'cancelled'
  | 'superseded'
  | 'unknown'
  | 'queued'
  | 'running'
  | 'resting'
  | 'paused'
  | 'stopped';

type Tone = 'neutral' | 'wait' | 'ok' | 'bad';
type IconName = 'inbox' | 'cog' | 'clock' | 'hand' | 'check' | 'cross' | 'alarm' | 'question';

const statuses: Record<Status, { word: string; icon: IconName; tone: Tone }> = {
  received: { word: 'Received', icon: 'inbox', tone: 'neutral' },
  deciding: { word: 'Deciding', icon: 'cog', tone: 'neutral' },
  waiting: { word: 'Waiting for approval', icon: 'clock', tone: 'wait' },
  'needs-you': { word: 'Needs you', icon: 'hand', tone: 'wait' },
  planned: { word: 'Will be tried again', icon: 'clock', tone: 'wait' },
  answered: { word: 'Answered', icon: 'check', tone: 'neutral' },
  done: { word: 'Done', icon: 'check', tone: 'ok' },
  approved: { word: 'Approved', icon: 'check', tone: 'ok' },
  refused: { word: 'Refused', icon: 'cross', tone: 'bad' },
  failed: { word: 'Not done', icon: 'cross', tone: 'bad' },
  rejected: { word: 'Rejected', icon: 'cross', tone: 'bad' },
  expired: { word: 'Expired', icon: 'alarm', tone: 'bad' },
  cancelled: { word: 'Cancelled', icon: 'cross', tone: 'neutral' },
  superseded: { word: 'Replaced', icon: 'cog', tone: 'neutral' },
  unknown: { word: 'Outcome unknown', icon: 'question', tone: 'bad' },
  queued: { word: 'Queued', icon: 'inbox', tone: 'neutral' },
  running: { word: 'Running', icon: 'cog', tone: 'neutral' },
  resting: { word: 'Goes on by itself', icon: 'clock', tone: 'wait' },
  paused: { word: 'Paused', icon: 'hand', tone: 'wait' },
  stopped: { word: 'Stopped', icon: 'cross', tone: 'neutral' },
};

/** Word, icon and tone of a status. */
export function statusOf(status: Status): { word: string; icon: IconName; tone: Tone } {
  return statuses[status];
}

/** A size for people: `81 byte`, `1.2 MB`. */
export function bytes(count: number, locale = 'en'): string {
  const [unit, size] =
    count < 1024 ? ['byte', 1] : count < 1024 ** 2 ? ['kilobyte', 1024] : ['megabyte', 1024 ** 2];
  const options = { style: 'unit', unit, unitDisplay: unit === 'byte' ? 'long' : 'short' } as const;
  return new Intl.NumberFormat(locale, { ...options, maximumFractionDigits: 1 }).format(count / size);
}

/**
 * An amount for people: grouped, with the digits of its currency, exact (the decimal string is never a float).
 * @param text `"5000"`; @param currency ISO 4217
 */
export function money(text: string, currency: string, locale = 'en'): string {
  const digits = new Intl.NumberFormat(locale, { style: 'currency', currency }).resolvedOptions();
  const number = new Intl.NumberFormat(locale, {
    minimumFractionDigits: digits.minimumFractionDigits ?? 2,
    // More digits than the currency has are shown, not rounded away: an approver sees what will be sent.
    maximumFractionDigits: 20,
  });
  return `${number.format(text as Intl.StringNumericLiteral)} ${currency}`;
}

const amount = /(?<![\w.,])(-?\d+(?:\.\d+)?) ([A-Z]{3})\b/g;
const currencies = new Set(Intl.supportedValuesOf('currency'));

/** A fact's value: money where it is an amount and a currency and nothing else, otherwise as it is. */
export function factValue(value: string): string {
  const [, number, code] = /^(-?\d+(?:\.\d+)?) ([A-Z]{3})$/.exec(value) ?? [];
  return number !== undefined && code !== undefined && currencies.has(code) ? money(number, code) : value;
}

/**
 * Writes the amounts of a sentence as money, but only those that the facts beside it hold as well: in free text
 * "12 ALL" may be anything, and nothing that an approver reads is reworded on a guess.
 */
export function withMoney(text: string, facts: readonly { value: string }[]): string {
  const values = new Set(facts.map((fact) => fact.value));
  return text.replace(amount, (found) => (values.has(found) ? factValue(found) : found));
}

const receiptLike = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Tells whether a value is an id that people copy rather than read. */
export function isId(value: string): boolean {
  return (
    receiptLike.test(value) ||
    /^(dec|att|lea|gra|run|apr)_[\w-]{8,}$/.test(value) ||
    /^sha256:[0-9a-f]{64}$/.test(value)
  );
}

/** An id cut to its ends; the page keeps the whole one for copying. The end varies most in a UUIDv7. */
export function shortId(id: string): string {
  const bare = id.replace(/^sha256:/, '');
  return bare.length <= 14 ? bare : `${bare.slice(0, 6)}…${bare.slice(-6)}`;
}

/** `2026-11-23 22:24 UTC`, which a script then writes in the reader's zone. */
export function utc(time: Date | string): string {
  return `${iso(time).slice(0, 16).replace('T', ' ')} UTC`;
}

/** The exact instant for `datetime=`. */
export function iso(time: Date | string): string {
  return new Date(time).toISOString();
}

/**
 * A length of time for people, never longer than it is: `under a minute`, `42 min`, `5 h 10 min`, `3 days`.
 * The script of the inbox counts down in the same words.
 */
export function span(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return 'under a minute';
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** How long a request is open still. */
export function left(deadline: Date | string, now: Date): string {
  const seconds = (Number(new Date(deadline)) - Number(now)) / 1000;
  return seconds <= 0 ? 'closing' : `${span(seconds)} left`;
}

/** The beginning of a long value with its length, for a line that leads to a page with all of it. */
export function cut(text: string, limit = 80): string {
  const characters = [...text];
  return characters.length <= limit
    ? text
    : `${characters.slice(0, limit).join('')}… (${characters.length} characters)`;
}

/** A share in whole percent; a dash of nothing. */
export function share(part: number, of: number): string {
  return of === 0 ? '–' : `${Math.round((100 * part) / of)} %`;
}

/** A piece of an answer: plain text, an instant, or the id of a receipt. */
export type Piece = { text: string } | { instant: string } | { receipt: string };

const special =
  /\b(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC\b|(?<=\bReceipt )([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})\b/g;

/**
 * Cuts an answer where a page can do better than the text of a chat: an instant is shown in the reader's zone, a receipt
 * is a link to itself. Together the pieces say what the text says.
 */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(special)) {
    const [whole, day, hour, receipt] = match;
    const instant = `${day}T${hour}:00Z`;
    if (receipt === undefined && Number.isNaN(Date.parse(instant))) continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push(receipt === undefined ? { instant } : { receipt });
    end = match.index + whole.length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/** Where a value is so long that it is folded: its beginning and its length, which stay in view. */
export function fold(text: string, limit = 240): { head: string; count: string } | null {
  const characters = [...text];
  if (characters.length <= limit) return null;
  return {
    head: characters.slice(0, 120).join(''),
    count: new Intl.NumberFormat('en').format(characters.length),
  };
}

/** The address of a link if it may stand on a page: this site, or http(s). Anything else is dropped. */
export function safeUrl(url: string): string | null {
  if (url.startsWith('/') && !url.startsWith('//') && !url.includes('\\')) return url;
  const parsed = URL.parse(url);
  return parsed && (parsed.protocol === 'https:' || parsed.protocol === 'http:') ? parsed.href : null;
}
