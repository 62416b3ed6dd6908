import { createHash, type KeyObject } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';

/** Encrypts a secret for the way to the runner (JWE, A256GCM). @param key what both sides sign orders with */
export const seal = (key: KeyObject, secret: string): Promise<string> =>
  new CompactEncrypt(Buffer.from(secret))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(sealingKey(key));

/** @returns the secret @throws where it was sealed with another key */
export async function unseal(key: KeyObject, sealed: string): Promise<string> {
  const { plaintext } = await compactDecrypt(sealed, sealingKey(key));
  return Buffer.from(plaintext).toString('utf8');
}

const sealingKey = (key: KeyObject): Uint8Array =>
  createHash('sha256').update('gatehouse egress secret\n').update(key.export()).digest();
