import assert from 'node:assert/strict';
import { copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  createBox,
  createSecretStore,
  finishRotation,
  rotateKey,
  rotationWaits,
  type KeySource,
} from '../../../gateway/vault/index.ts';
import { canary, dataFolder, writeFormat1 } from './support.ts';

const folder = dataFolder();
const at = (name: string): string => join(folder(), name);
const here = (source: Partial<KeySource> = {}): KeySource => ({ dataDir: folder(), ...source });
const read = (source: Partial<KeySource> = {}): Promise<string | undefined> =>
  createSecretStore(here(source)).get('a');
const opensWith = async (key: Buffer): Promise<boolean> => {
  await writeFile(at('try.key'), key);
  return read({ keyFile: at('try.key') }).then(
    (value) => value === canary,
    () => false,
  );
};

test('a changed master key seals everything anew while a running gateway goes on', async () => {
  const running = createSecretStore(here());
  await running.set('a', 'before');
  await running.set('a', canary);
  const box = createBox(here());
  const sealed = box.seal('of a person', canary);
  const former = await readFile(at('secrets.key'));
  assert.equal(await rotateKey(here()), 'done');
  assert.notDeepEqual(await readFile(at('secrets.key')), former);
  assert.equal(await running.get('a'), canary);
  assert.equal(await running.get('a', 1), 'before');
  await running.set('b', canary);
  assert.equal(await read(), canary);
  assert.equal(createBox(here()).open('of a person', sealed), canary);
  assert.equal(await opensWith(former), false);
});

test('an interrupted change of the key opens at every point, and is brought to its end', async () => {
  const store = createSecretStore(here());
  await store.set('a', canary);
  const next = `${at('secrets.key')}.next`;
  // The next key is there, and half written; nothing is sealed with it.
  await writeFile(next, 'abc');
  assert.equal(await read(), canary);
  assert.equal(await rotateKey(here()), 'done');
  assert.equal(await read(), canary);
  // The store is sealed with the next key, which is not in its place.
  assert.equal(await rotateKey(here(), { keyFile: next }), 'handed over');
  assert.equal(await read(), canary);
  assert.equal(await store.get('a'), canary);
  await store.set('b', canary);
  await copyFile(at('secrets.key'), at('former.key'));
  // It is in its place, and the former one still leads to the store.
  await rename(next, at('secrets.key'));
  assert.equal(await read(), canary);
  assert.equal(await rotationWaits(here()), true);
  assert.equal(await rotateKey(here()), 'done');
  assert.equal(await rotationWaits(here()), false);
  assert.equal(await read(), canary);
  assert.equal(await opensWith(await readFile(at('former.key'))), false);
  // A gateway that held the former key all the time reads the new one from its file.
  assert.equal(await store.get('b'), canary);
});

test('an interrupted change whose next key waits beside the former one ends like that as well', async () => {
  await createSecretStore(here()).set('a', canary);
  await rotateKey(here(), { keyFile: `${at('secrets.key')}.next` });
  assert.equal(await rotateKey(here()), 'done');
  assert.equal(await read(), canary);
  assert.equal(await rotationWaits(here()), false);
});

test('a named key is changed to another file, and the former one leads there until that is finished', async () => {
  await writeFile(at('one.key'), Buffer.alloc(32, 1));
  const former = here({ keyFile: at('one.key') });
  const running = createSecretStore(former);
  await running.set('a', canary);
  await assert.rejects(rotateKey(former), { code: 'GH-VAULT-020' });
  assert.equal(await rotateKey(former, { keyFile: at('two.key') }), 'handed over');
  assert.equal(await running.get('a'), canary);
  assert.equal(await read({ keyFile: at('one.key') }), canary);
  assert.equal(await read({ keyFile: at('two.key') }), canary);
  await assert.rejects(rotateKey(former, { keyFile: at('three.key') }), { code: 'GH-VAULT-020' });
  await assert.rejects(finishRotation(former), { code: 'GH-VAULT-020' });
  await finishRotation(here({ keyFile: at('two.key') }));
  await assert.rejects(finishRotation(here({ keyFile: at('two.key') })), { code: 'GH-VAULT-020' });
  await assert.rejects(read({ keyFile: at('one.key') }), { code: 'GH-VAULT-005' });
  assert.equal(await read({ keyFile: at('two.key') }), canary);
});

test('a passphrase opens a store, alone and after a key file', async () => {
  const passphraseFile = at('passphrase');
  await writeFile(passphraseFile, 'correct horse battery staple\n');
  const store = createSecretStore(here());
  await store.set('a', canary);
  const sealed = createBox(here()).seal('of a person', canary);
  assert.equal(await rotateKey(here(), { passphraseFile }), 'handed over');
  assert.equal(await store.get('a'), canary);
  await finishRotation(here({ passphraseFile }));
  await rm(at('secrets.key'));
  assert.equal(await read({ passphraseFile }), canary);
  assert.equal(createBox(here({ passphraseFile })).open('of a person', sealed), canary);
  await writeFile(passphraseFile, 'incorrect horse battery staple\n');
  await assert.rejects(read({ passphraseFile }), { code: 'GH-VAULT-005' });
  await writeFile(passphraseFile, 'short\n');
  assert.throws(() => createSecretStore(here({ passphraseFile })), { code: 'GH-VAULT-002' });
  assert.throws(() => createSecretStore(here({ passphraseFile: at('absent') })), { code: 'GH-VAULT-001' });
});

test('a store that begins with a passphrase has no key file', async () => {
  const passphraseFile = at('passphrase');
  await writeFile(passphraseFile, 'correct horse battery staple');
  assert.throws(() => createBox(here({ passphraseFile })), { code: 'GH-VAULT-004' });
  await createSecretStore(here({ passphraseFile })).set('a', canary);
  assert.equal(await read({ passphraseFile }), canary);
  await assert.rejects(readFile(at('secrets.key')), { code: 'ENOENT' });
});

test('a store of format 1 gets a new key too', async () => {
  writeFormat1(folder(), { a: { value: canary, version: 3, updatedAt: '2026-01-02T03:04:05.678Z' } });
  assert.equal(await rotateKey(here()), 'done');
  assert.equal(await createSecretStore(here()).get('a', 3), canary);
});
