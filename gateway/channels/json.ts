import { isUtf8 } from 'node:buffer';

/** Why a vendor's JSON cannot be used: one sentence without content, and the field at fault. */
export interface JsonFlaw {
  reason: string;
  field: string;
}

/** Vendors nest rich text about a dozen levels deep. */
const maxDepth = 40;
const maxNodes = 200_000;

export const notUtf8: JsonFlaw = { reason: 'The payload is not UTF-8.', field: 'body' };

/**
 * Parses JSON that must survive storage: no duplicate keys (two readers would see two messages), bounded nesting, and
 * no text that Postgres cannot hold (NUL, lone surrogates; RFC 8259 §8.2, RFC 7493 §2).
 * @param body UTF-8 bytes
 */
export function parseJson(body: Buffer): { value: unknown } | JsonFlaw {
  const text = decodeUtf8(body);
  return text === null ? notUtf8 : parseJsonText(text);
}

/** As `parseJson`, for text that was decoded already. */
export function parseJsonText(text: string): { value: unknown } | JsonFlaw {
  const flaw = scan(text);
  if (flaw) return flaw;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { reason: 'The payload is not JSON.', field: 'body' };
  }
  // In decoded UTF-8 both can only be escapes; most payloads have none of these and skip the walk.
  const suspect = text.includes('\\u') && /\\u(?:0000|d[89a-f])/i.test(text);
  return suspect ? (storable(value) ?? { value }) : { value };
}

/** Strict UTF-8. @returns null for bytes that are not */
export function decodeUtf8(body: Buffer): string | null {
  return isUtf8(body) ? body.toString('utf8') : null;
}

/** Text as Postgres can hold it, for the raw store of what cannot be used otherwise. */
export function printable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}

/**
 * Looks for what cannot be stored in a value that somebody else parsed. Iterative: deep nesting is one of the things
 * that it looks for.
 * @returns null when all is well
 */
export function storable(root: unknown): JsonFlaw | null {
  const open: { value: unknown; path: string; depth: number }[] = [{ value: root, path: '', depth: 0 }];
  for (let seen = 0; open.length > 0; seen += 1) {
    const { value, path, depth } = open.pop() as (typeof open)[number];
    if (seen > maxNodes) return { reason: 'The payload has too many values.', field: 'body' };
    if (typeof value === 'string') {
      const reason = badText(value);
      if (reason) return { reason, field: path || 'body' };
    } else if (typeof value === 'object' && value !== null) {
      if (depth >= maxDepth) return { reason: 'The payload is nested too deeply.', field: path || 'body' };
      for (const [key, child] of Object.entries(value)) {
        if (badText(key)) return { reason: 'A key of the payload cannot be stored.', field: path || 'body' };
        open.push({ value: child, path: path === '' ? key : `${path}.${key}`, depth: depth + 1 });
      }
    }
  }
  return null;
}

function badText(text: string): string | null {
  if (text.includes('\0')) return 'The text holds a NUL character.';
  return text.isWellFormed() ? null : 'The text holds half of a surrogate pair.';
}

/** One pass over the text before it is parsed: depth and duplicate keys, which `JSON.parse` says nothing about. */
function scan(text: string): JsonFlaw | null {
  // A frame per open bracket: the keys of an object so far, or null for an array.
  const frames: { keys: Set<string> | null; key: string; expectKey: boolean }[] = [];
  let frame: (typeof frames)[number] | undefined;
  const field = (): string =>
    printable(
      frames
        .map((frame) => frame.key)
        .filter((key) => key !== '')
        .join('.')
        .slice(0, 200),
    ) || 'body';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === 0x22) {
      const end = endOfString(text, at);
      if (end === -1) return null;
      if (frame?.keys && frame.expectKey) {
        const key = text.slice(at + 1, end);
        // Escapes spell the same key in several ways.
        const name = key.includes('\\') ? unescaped(key) : key;
        frame.key = name;
        if (frame.keys.has(name)) return { reason: 'The payload holds the same key twice.', field: field() };
        frame.keys.add(name);
        frame.expectKey = false;
      }
      at = end;
    } else if (character === 0x7b || character === 0x5b) {
      if (frames.length >= maxDepth) return { reason: 'The payload is nested too deeply.', field: field() };
      const object = character === 0x7b;
      frame = { keys: object ? new Set() : null, key: '', expectKey: object };
      frames.push(frame);
    } else if (character === 0x7d || character === 0x5d) {
      frames.pop();
      frame = frames.at(-1);
    } else if (character === 0x2c && frame?.keys) {
      frame.expectKey = true;
    }
  }
  return null;
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return -1;
}

function unescaped(key: string): string {
  try {
    return JSON.parse(`"${key}"`) as string;
  } catch {
    return key;
  }
}
