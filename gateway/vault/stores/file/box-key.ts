import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { GatehouseError } from '../../../config/index.ts';
import { boxKeyOf, contentOf, emptyContent } from './content.ts';
import { parseFile } from './format.ts';
import { openKeyring, type KeySource } from './master-key.ts';
import { storePath } from './store.ts';

/**
 * The key of the values that are sealed in the database: of the store, or of the one that the first write will make.
 * @throws GatehouseError `GH-VAULT-001` to `-005`
 */
export function readBoxKey(source: KeySource): KeyObject {
  const path = storePath(source);
  const keys = openKeyring(source);
  if (existsSync(path))
    return boxKeyOf(path, contentOf(path, parseFile(path, readFileSync(path, 'utf8')), keys));
  const fresh = keys.fresh();
  // The salt of a passphrase is kept in the store, so that without one there is no second time for this key.
  if (fresh.ref.kdf !== null) {
    throw new GatehouseError(
      'GH-VAULT-004',
      `There is no ${path} yet to keep the salt of the passphrase in.`,
      {
        status: 500,
        next: 'Store a secret first.',
      },
    );
  }
  return boxKeyOf(path, emptyContent(fresh));
}
