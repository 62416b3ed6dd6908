import { randomUUID } from 'node:crypto';

let milliseconds = 0;
let counter = 0;

/**
 * A UUIDv7 (RFC 9562 §5.7) that is strictly greater than every one this process made before, so that ids sort in
 * order of creation even within one millisecond.
 */
export function uuidv7(): string {
  const now = Date.now();
  // A full counter and a clock set back both count on from the last.
  counter = now > milliseconds || counter === 0xfff ? 0 : counter + 1;
  milliseconds = Math.max(now, counter === 0 ? milliseconds + 1 : milliseconds);
  const time = milliseconds.toString(16).padStart(12, '0');
  const count = counter.toString(16).padStart(3, '0');
  // Variant and 62 random bits, as in every random UUID; Node keeps those in stock.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${randomUUID().slice(19)}`;
}

/**
 * The dedupe key of a message.
 * @param parts channel, account, conversation, native id and revision; each is percent-encoded where it holds `:`
 */
export function messageId(parts: {
  channel: string;
  account: string;
  conversation: string;
  nativeId: string;
  revision: number;
}): string {
  return [parts.channel, parts.account, parts.conversation, parts.nativeId, String(parts.revision)]
    .map((part) => part.replace(/[%:]/g, encodeURIComponent))
    .join(':');
}
