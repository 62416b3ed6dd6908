import assert from 'node:assert/strict';
import { createCipheriv, hkdfSync } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createBox, createSecretStore } from '../../../gateway/vault/index.ts';
import { canary, dataFolder, readJson, writeFormat1 } from './support.ts';

const folder = dataFolder();
const here = (): { dataDir: string } => ({ dataDir: folder() });
const file = (): string => join(folder(), 'secrets.json');
const old = {
  'demo/postgres': { value: 'postgres://u:p@h/d', version: 1, updatedAt: '2026-01-02T03:04:05.678Z' },
  'slack/bot-token': { value: canary, version: 7, updatedAt: '2026-02-03T04:05:06.789Z' },
  unusual: { value: 'ünï\u0000\n""', version: 2, updatedAt: '2026-03-04T05:06:07.890Z' },
};
const infos = Object.entries(old).map(([name, { version, updatedAt }]) => ({ name, version, updatedAt }));

test('a store of format 1 is read as it is, and brought over whole at the next write', async () => {
  writeFormat1(folder(), old);
  const before = await readFile(file(), 'utf8');
  const store = createSecretStore(here());
  for (const [name, { value }] of Object.entries(old)) assert.equal(await store.get(name), value);
  assert.deepEqual(await store.list(), infos);
  assert.equal(await readFile(file(), 'utf8'), before);

  await store.set('new', 'x');
  assert.equal(readJson(folder()).format, 2);
  const again = createSecretStore(here());
  for (const [name, { value, version }] of Object.entries(old)) {
    assert.equal(await again.get(name), value);
    assert.equal(await again.get(name, version), value);
  }
  assert.deepEqual(
    (await again.list()).filter(({ name }) => name !== 'new'),
    infos,
  );
  assert.equal((await again.set('slack/bot-token', 'y')).version, 8);
  assert.equal(await again.get('slack/bot-token', 7), canary);
});

test('what was sealed in the database under format 1 opens with it and after it', async () => {
  const master = writeFormat1(folder(), old);
  const key = Buffer.from(hkdfSync('sha256', master, '', 'gatehouse database values', 32));
  const iv = Buffer.alloc(12, 1);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from('factor of p-1'));
  const data = Buffer.concat([cipher.update(canary), cipher.final()]);
  const sealed = Buffer.concat([iv, cipher.getAuthTag(), data]).toString('base64');
  assert.equal(createBox(here()).open('factor of p-1', sealed), canary);
  await createSecretStore(here()).set('new', 'x');
  assert.equal(createBox(here()).open('factor of p-1', sealed), canary);
});

test('a changed secret of format 1 is found, and nothing is brought over without it', async () => {
  writeFormat1(folder(), old);
  const stored = readJson(folder()) as { secrets: Record<string, Record<string, string>> };
  (stored.secrets['slack/bot-token'] ?? {}).data = Buffer.from('zzz').toString('base64');
  await writeFile(file(), JSON.stringify(stored));
  const store = createSecretStore(here());
  await assert.rejects(store.get('slack/bot-token'), { code: 'GH-VAULT-005' });
  await assert.rejects(store.set('new', 'x'), { code: 'GH-VAULT-005' });
  assert.equal(readJson(folder()).format, 1);
});

test('a file of format 1 cannot be put back over a newer store', async () => {
  writeFormat1(folder(), old);
  await copyFile(file(), join(folder(), 'old.json'));
  const store = createSecretStore(here());
  await store.set('slack/bot-token', 'rotated');
  await store.set('slack/bot-token', 'rotated again');
  await copyFile(join(folder(), 'old.json'), file());
  await assert.rejects(createSecretStore(here()).get('slack/bot-token'), { code: 'GH-VAULT-010' });
});
