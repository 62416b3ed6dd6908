import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { z } from 'zod';

const algorithm = 'aes-256-gcm';
const [ivBytes, tagBytes] = [12, 16];

/** Length of every key here, in bytes. */
export const keyBytes = 32;

/** Something encrypted, as it is written. */
export const Sealed = z.strictObject({ iv: z.base64(), tag: z.base64(), data: z.base64() });
export type Sealed = z.output<typeof Sealed>;

type Key = KeyObject | Buffer;

/** What a sealed value belongs to; it opens under the same words only, so that one moved elsewhere does not. */
type Belonging = readonly (string | number)[];

const associated = (belongs: Belonging): Buffer => Buffer.from(JSON.stringify(belongs));

/** AES-256-GCM. */
export function seal(key: Key, belongs: Belonging, plain: Buffer): Sealed {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes }).setAAD(associated(belongs));
  const data = Buffer.concat([cipher.update(plain), cipher.final()]);
  return {
    iv: iv.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  };
}

/** @throws Error for what was changed, moved, or sealed with another key */
export function open(key: Key, belongs: Belonging, sealed: Sealed): Buffer {
  const decipher = createDecipheriv(algorithm, key, Buffer.from(sealed.iv, 'base64'), {
    authTagLength: tagBytes,
  })
    .setAAD(associated(belongs))
    .setAuthTag(Buffer.from(sealed.tag, 'base64'));
  const first = decipher.update(Buffer.from(sealed.data, 'base64'));
  try {
    // The mode is a stream: all of the text is there by now, and `final` only proves it.
    decipher.final();
    return first;
  } catch (error) {
    first.fill(0);
    throw error;
  }
}

/** Hands the opened bytes to `use` and overwrites them after it. */
export function opened<T>(key: Key, belongs: Belonging, sealed: Sealed, use: (plain: Buffer) => T): T {
  const plain = open(key, belongs, sealed);
  try {
    return use(plain);
  } finally {
    plain.fill(0);
  }
}

/** A key for one purpose, from another one (HKDF, RFC 5869). */
export function derived(key: Key, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', purpose, keyBytes));
}
