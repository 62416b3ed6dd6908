import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { GatehouseError } from '../config/index.ts';
import { openKey } from './key.ts';

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
 * A box under a key of its own, derived from the secret store's.
 * @throws GatehouseError as `openKey`
 */
export function createBox(options: { dataDir: string; keyFile?: string | undefined }): Box {
  const master = openKey(options.dataDir, options.keyFile);
  const key = Buffer.from(hkdfSync('sha256', master, '', 'gatehouse database values', 32));
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
