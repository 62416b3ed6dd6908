import type { IncomingHttpHeaders } from 'node:http';
import type { Answer } from '../../../egress/index.ts';
import { scrubber } from '../../../egress/index.ts';

/** An answer as the rest of a call may see it: without the secret, in whatever form it was echoed. */
export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  url: string;
  /** What it holds as JSON; undefined where it is none, or too long to be read. */
  json: unknown;
  text: string;
  truncated: boolean;
}

/**
 * Reads an answer and removes what must not come back.
 * @param sensitive the secret and what was derived from it
 */
export function readReply(answer: Answer, sensitive: readonly string[]): Reply {
  const { status, headers, url, truncated } = answer;
  // Postgres stores neither text nor JSON with NUL in it.
  const raw = (answer.body?.toString('utf8') ?? '')
    .replaceAll('\0', '\uFFFD')
    .replaceAll('\\u0000', '\\ufffd');
  const clean = scrubber(sensitive);
  return {
    status,
    headers,
    url,
    truncated,
    text: clean(raw, truncated),
    json: parsed(raw, truncated, clean),
  };
}

/** It is searched after it was parsed: an escape in JSON hides a letter from any search before that. */
function parsed(raw: string, truncated: boolean, clean: (text: string) => string): unknown {
  if (truncated || raw.trim() === '') return undefined;
  try {
    return JSON.parse(raw, (_key, value: unknown) => cleaned(value, clean));
  } catch {
    return undefined;
  }
}

function cleaned(value: unknown, clean: (text: string) => string): unknown {
  if (typeof value === 'string') return clean(value);
  if (typeof value === 'number') return clean(String(value)) === String(value) ? value : '[redacted]';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [clean(key), inner]));
}
