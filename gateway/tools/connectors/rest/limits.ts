import type { IncomingHttpHeaders } from 'node:http';

/** What an answer says of how often may be called. */
export interface Limit {
  /** The call was not done for that reason alone. */
  hit: boolean;
  /** When the next call may go out, in milliseconds since 1970; null where it is not said. */
  until: number | null;
}

/** Nobody means a longer wait than this; a bad clock does. */
const longestMs = 24 * 3600 * 1000;

/**
 * Reads `retry-after` (RFC 9110, 10.2.3) and what vendors say besides: `x-ratelimit-remaining`, and `x-ratelimit-reset` as
 * seconds since 1970 (GitHub), seconds from now, or a date (Jira).
 * @param now milliseconds since 1970
 */
export function limitOf(status: number, headers: IncomingHttpHeaders, now: number): Limit {
  const retry = timeOf(headers['retry-after'], now);
  const spent = text(headers['x-ratelimit-remaining'] ?? headers['ratelimit-remaining']) === '0';
  const reset = spent ? timeOf(headers['x-ratelimit-reset'] ?? headers['ratelimit-reset'], now) : null;
  const until = retry ?? reset;
  // GitHub and a few others answer 403 where a limit is meant. A 503 that names a time did not take the call (RFC 9110,
  // 15.6.4); one without may come from anywhere on the way.
  const hit =
    status === 429 || (status === 503 && retry !== null) || (status === 403 && (retry !== null || spent));
  return { hit, until: until === null ? null : Math.min(until, now + longestMs) };
}

function timeOf(header: string | string[] | undefined, now: number): number | null {
  const value = text(header);
  if (value === '') return null;
  if (/^\d{1,15}(\.\d+)?$/.test(value)) {
    const seconds = Number(value);
    return seconds > 1e9 ? seconds * 1000 : now + seconds * 1000;
  }
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : date;
}

const text = (header: string | string[] | undefined): string => String(header ?? '').trim();

/** Remembers who has to wait, so that the calls after one that was turned away are not sent to be turned away too. */
export class Waits {
  readonly #until = new Map<string, number>();

  /** @param until milliseconds since 1970 */
  note(account: string, until: number): void {
    this.#until.set(account, until);
  }

  /** @returns milliseconds until the account may be called again; 0 for now */
  of(account: string, now: number): number {
    const left = (this.#until.get(account) ?? 0) - now;
    if (left <= 0) this.#until.delete(account);
    return Math.max(0, left);
  }
}
