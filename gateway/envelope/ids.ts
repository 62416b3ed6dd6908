import { randomUUID } from 'node:crypto';

let last = 0n;

/**
 * A UUIDv7 (RFC 9562 §5.7) that is strictly greater than every one this process made before, so that ids sort in
 * order of creation even within one millisecond.
 */
export function uuidv7(): string {
  // 48 bits of milliseconds and 12 of sub-millisecond counter; a repeat or a clock set back counts on from the last.
  let stamp = BigInt(Date.now()) << 12n;
  if (stamp <= last) stamp = last + 1n;
  last = stamp;
  const high = stamp >> 12n;
  const hex = high.toString(16).padStart(12, '0');
  const counter = (stamp & 0xfffn).toString(16).padStart(3, '0');
  // Variant and 62 random bits, as in every random UUID; Node keeps those in stock.
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${counter}-${randomUUID().slice(19)}`;
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
