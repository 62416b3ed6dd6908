import { createCipheriv, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'node:test';

export const canary = 'canary-secret-value';

/** A data folder for each test. @returns its path */
export function dataFolder(): () => string {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gatehouse-vault-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  return () => folder;
}

/** A store as it was written before there were data keys, with its key. @returns the key */
export function writeFormat1(
  dataDir: string,
  secrets: Record<string, { value: string; version: number; updatedAt: string }>,
): Buffer {
  const key = randomBytes(32);
  writeFileSync(join(dataDir, 'secrets.key'), `${key.toString('base64')}\n`, { mode: 0o600 });
  const entries = Object.entries(secrets).map(([name, { value, version, updatedAt }]) => {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: 16 }).setAAD(
      Buffer.from(JSON.stringify([name, version, updatedAt])),
    );
    const data = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]).toString('base64');
    const tag = cipher.getAuthTag().toString('base64');
    return [name, { version, updatedAt, iv: iv.toString('base64'), tag, data }];
  });
  const file = { format: 1, secrets: Object.fromEntries(entries) };
  writeFileSync(join(dataDir, 'secrets.json'), JSON.stringify(file, null, 2), { mode: 0o600 });
  return key;
}

/** A file of the data folder as JSON. */
export const readJson = (dataDir: string, name = 'secrets.json'): Record<string, unknown> =>
  JSON.parse(readFileSync(join(dataDir, name), 'utf8')) as Record<string, unknown>;
