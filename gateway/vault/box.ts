import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';
import { GatehouseError } from '../config/index.ts';
import { readBoxKey, type KeySource } from './stores/file/index.ts';

/** Seals small values that are kept in the database, so that a copy of it alone opens none. */
export interface Box {
  /** @param about what the value belongs to; it opens under the same words only */
  seal(about: string, value: string): string;
  /** @throws GatehouseError `GH-VAULT-009` for a value that was changed, moved, or sealed with another key */
  open(about: string, sealed: string): string;
}

const algorithm = 'aes-256-gcm';
const [ivBytes, tagBytes] = [12, 16];

/**
 * A box under a key of its own, which the secret store keeps and which stays when the master key changes.
 * @throws GatehouseError as `createSecretStore`
 */
export function createBox(source: KeySource): Box {
  const key: KeyObject = readBoxKey(source);
  return {
    seal(about, value) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes }).setAAD(
        Buffer.from(about),
      );
      const data = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), data]).toString('base64');
    },
    open(about, sealed) {
      const bytes = Buffer.from(sealed, 'base64');
      try {
        const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes), {
          authTagLength: tagBytes,
        })
          .setAAD(Buffer.from(about))
          .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
        const data = bytes.subarray(ivBytes + tagBytes);
        return Buffer.concat([decipher.update(data), decipher.final()]).toString('utf8');
      } catch (cause) {
        throw new GatehouseError(
          'GH-VAULT-009',
          'A sealed value of the database does not open with this key.',
          {
            status: 500,
            next: 'Restore the key that belongs to this database.',
            cause,
          },
        );
      }
    },
  };
}
