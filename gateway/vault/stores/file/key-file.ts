import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GatehouseError } from '../../../config/index.ts';
import { keyBytes } from './cipher.ts';

/** Where the key of an installation lies that names none. */
export const ownKeyFile = (dataDir: string): string => join(dataDir, 'secrets.key');

/**
 * The key of the secret store. Without `keyFile`, `<dataDir>/secrets.key` is made at the first start, readable by its
 * owner only.
 * @param keyFile 32 raw bytes, the same in hex or base64, or an environment file with a line `GATEHOUSE_KEY=…`
 * @throws GatehouseError `GH-VAULT-001` (no such file), `GH-VAULT-002` (not a key), `GH-VAULT-003` (others can read
 *   it), `GH-VAULT-004` (secrets exist and their key is gone)
 */
export function readKeyFile(dataDir: string, keyFile: string | undefined): Buffer {
  const path = keyFile ?? ownKeyFile(dataDir);
  if (!existsSync(path)) {
    if (keyFile !== undefined) {
      throw refuse(
        'GH-VAULT-001',
        `The key file ${path} does not exist.`,
        'Create it, or leave GATEHOUSE_KEY_FILE out.',
      );
    }
    if (existsSync(join(dataDir, 'secrets.json'))) {
      throw refuse(
        'GH-VAULT-004',
        `The key ${path} is gone while ${join(dataDir, 'secrets.json')} still needs it.`,
        'Restore the key, or delete secrets.json and set the secrets again.',
      );
    }
    mkdirSync(dataDir, { recursive: true });
    writeNewKey(path);
  }
  // A key file that was named may be a container's read-only mount, whose mode is not ours to choose.
  if (keyFile === undefined && (statSync(path).mode & 0o077) !== 0) {
    throw refuse('GH-VAULT-003', `Others can read the key ${path}.`, `Run chmod 600 ${path}.`);
  }
  const content = readFileSync(path);
  const key = decode(content);
  content.fill(0);
  if (!key)
    throw refuse(
      'GH-VAULT-002',
      `${path} does not hold a 32-byte key.`,
      'Make one with openssl rand -base64 32.',
    );
  return key;
}

/** Makes a key that no file holds yet. */
export function writeNewKey(path: string): void {
  const content = `${randomBytes(keyBytes).toString('base64')}\n`;
  writeFileSync(path, content, { mode: 0o600, flag: 'wx', flush: true });
}

function decode(content: Buffer): Buffer | null {
  if (content.length === keyBytes) return Buffer.from(content);
  const lines = content.toString('latin1').trim();
  const assigned = /^(?:export\s+)?GATEHOUSE_KEY=(["']?)([^"'\s]+)\1\s*$/m.exec(lines);
  const text = assigned?.[2] ?? lines;
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  return /^[A-Za-z0-9+/]{43}=$/.test(text) ? Buffer.from(text, 'base64') : null;
}

function refuse(code: string, message: string, next: string): GatehouseError {
  return new GatehouseError(code, message, { status: 500, next });
}
