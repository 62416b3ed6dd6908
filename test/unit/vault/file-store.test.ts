import assert from 'node:assert/strict';
import { chmod, copyFile, cp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { acceptFile, createSecretStore } from '../../../gateway/vault/index.ts';
import { canary, dataFolder } from './support.ts';

const folder = dataFolder();
const here = (): { dataDir: string } => ({ dataDir: folder() });
const file = (): string => join(folder(), 'secrets.json');

test('a secret survives a restart, and its value is nowhere on disk', async () => {
  // What a process that died may have left, readable by all.
  await writeFile(join(folder(), 'secrets.json.new'), 'half', { mode: 0o644 });
  const info = await createSecretStore(here()).set('slack/bot-token', canary);
  assert.equal(info.version, 1);
  const store = createSecretStore(here());
  assert.equal(await store.get('slack/bot-token'), canary);
  assert.equal(await store.get('slack/app-token'), undefined);
  const names = await readdir(folder());
  assert.deepEqual(names.sort(), ['secrets.generation', 'secrets.json', 'secrets.key']);
  for (const name of names) {
    const path = join(folder(), name);
    assert.ok(!(await readFile(path, 'utf8')).includes(canary));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  }
});

test('earlier values are kept, a bounded number of them', async () => {
  const store = createSecretStore(here());
  for (let version = 1; version <= 8; version += 1) await store.set('a', `${canary}-${version}`);
  assert.equal(await store.get('a'), `${canary}-8`);
  assert.equal(await store.get('a', 7), `${canary}-7`);
  assert.equal(await store.get('a', 3), `${canary}-3`);
  assert.equal(await store.get('a', 2), undefined);
  assert.equal(await store.get('a', 9), undefined);
});

test('a list shows names, versions and times only', async () => {
  const store = createSecretStore(here());
  await store.set('b', canary);
  await store.set('a', 'x');
  await store.set('b', canary);
  const list = await store.list();
  assert.deepEqual(
    list.map(({ name, version }) => [name, version]),
    [
      ['a', 1],
      ['b', 2],
    ],
  );
  assert.ok(!JSON.stringify(list).includes(canary));
});

test('what is removed is gone with its earlier values', async () => {
  const store = createSecretStore(here());
  await store.set('a', canary);
  assert.equal(await store.remove('a'), true);
  assert.equal(await store.remove('a'), false);
  assert.equal(await store.get('a', 1), undefined);
  assert.ok(!(await readFile(file(), 'utf8')).includes('"a"'));
});

test('two writers at once lose nothing', async () => {
  const [one, other] = [createSecretStore(here()), createSecretStore(here())] as const;
  await Promise.all(
    Array.from({ length: 10 }, (_value, index) => (index % 2 ? one : other).set(`s${index}`, canary)),
  );
  assert.equal((await createSecretStore(here()).list()).length, 10);
});

interface Stored {
  generation: number;
  secrets: Record<string, { version: number; updatedAt: string; key: Sealed; value: Sealed }[]>;
}
type Sealed = Record<'iv' | 'tag' | 'data', string>;
const first = ({ secrets }: Stored, name: string): Stored['secrets'][string][number] => {
  const entry = secrets[name]?.[0];
  assert.ok(entry);
  return entry;
};

const attacks: [string, (stored: Stored) => void][] = [
  [
    'a byte of the value',
    (stored) => (first(stored, 'a').value.data = Buffer.from('zzzzzz').toString('base64')),
  ],
  ['the tag', (stored) => (first(stored, 'a').value.tag = Buffer.alloc(16).toString('base64'))],
  [
    'a shortened tag',
    (stored) => {
      const { value } = first(stored, 'a');
      value.tag = Buffer.from(value.tag, 'base64').subarray(0, 4).toString('base64');
    },
  ],
  ['another data key', (stored) => (first(stored, 'a').key = first(stored, 'b').key)],
  ['another secret under this name', (stored) => (stored.secrets.a = stored.secrets.b ?? [])],
  ['an earlier version in front', ({ secrets }) => secrets.a?.reverse()],
  ['the version', (stored) => (first(stored, 'a').version = 9)],
  ['an entry that is taken away', ({ secrets }) => delete secrets.b],
  ['the generation', (stored) => (stored.generation = 99)],
  ['the form of the file', (stored) => delete (stored as Partial<Stored>).secrets],
];
for (const [name, change] of attacks) {
  test(`tampering is found: ${name}`, async () => {
    const store = createSecretStore(here());
    await store.set('a', 'earlier');
    await store.set('a', canary);
    await store.set('b', 'other');
    const stored = JSON.parse(await readFile(file(), 'utf8')) as Stored;
    change(stored);
    await writeFile(file(), JSON.stringify(stored));
    await assert.rejects(store.get('a'), { code: 'GH-VAULT-005' });
    await assert.rejects(store.set('c', canary), { code: 'GH-VAULT-005' });
  });
}

test('a store that was put back is refused, whole or with its counter gone', async () => {
  const store = createSecretStore(here());
  await store.set('a', 'stolen and replaced');
  await store.set('b', canary);
  await copyFile(file(), join(folder(), 'old.json'));
  await store.set('a', canary);
  await copyFile(join(folder(), 'old.json'), file());
  await assert.rejects(store.get('a'), { code: 'GH-VAULT-010' });
  await assert.rejects(createSecretStore(here()).set('c', canary), { code: 'GH-VAULT-010' });
  await rm(join(folder(), 'secrets.generation'));
  await assert.rejects(createSecretStore(here()).get('a'), { code: 'GH-VAULT-010' });
  await writeFile(join(folder(), 'secrets.generation'), 'x');
  await assert.rejects(createSecretStore(here()).get('a'), { code: 'GH-VAULT-010' });
});

test('a store that is gone is not an empty one', async () => {
  const store = createSecretStore(here());
  await store.set('a', canary);
  await store.set('a', canary);
  await rm(file());
  await assert.rejects(createSecretStore(here()).get('a'), { code: 'GH-VAULT-010' });
});

test('a store of a backup is used once that is accepted, and nothing newer passes for its future', async () => {
  const store = createSecretStore(here());
  await store.set('a', 'first');
  await copyFile(file(), join(folder(), 'backup.json'));
  for (const value of ['second', 'third']) await store.set('a', value);
  await copyFile(file(), join(folder(), 'later.json'));
  await copyFile(join(folder(), 'backup.json'), file());
  await acceptFile(here());
  assert.equal(await createSecretStore(here()).get('a'), 'first');
  await copyFile(join(folder(), 'later.json'), file());
  await assert.rejects(createSecretStore(here()).get('a'), { code: 'GH-VAULT-010' });
});

test('a backup of the whole folder opens as it is', async () => {
  await createSecretStore(here()).set('a', canary);
  const copy = join(folder(), 'copy');
  for (const name of ['secrets.json', 'secrets.key', 'secrets.generation'])
    await cp(join(folder(), name), join(copy, name));
  assert.equal(await createSecretStore({ dataDir: copy }).get('a'), canary);
});

test('another key opens nothing', async () => {
  await createSecretStore(here()).set('a', canary);
  const keyFile = join(folder(), 'other.key');
  await writeFile(keyFile, Buffer.alloc(32, 7).toString('hex'));
  await assert.rejects(createSecretStore({ ...here(), keyFile }).get('a'), { code: 'GH-VAULT-005' });
});

test('a key is 32 bytes, hex, base64 or a line of an environment file', async () => {
  const key = Buffer.alloc(32, 7);
  const keyFile = join(folder(), 'named.key');
  const forms = [
    key,
    key.toString('hex'),
    key.toString('base64'),
    `# of the service\nOTHER=1\nGATEHOUSE_KEY="${key.toString('base64')}"\n`,
    `export GATEHOUSE_KEY=${key.toString('hex')}\n`,
  ];
  await writeFile(keyFile, key);
  await createSecretStore({ ...here(), keyFile }).set('a', canary);
  for (const form of forms) {
    await writeFile(keyFile, form);
    assert.equal(await createSecretStore({ ...here(), keyFile }).get('a'), canary);
  }
});

test('a key that is missing, short, readable by others or lost refuses the start', async () => {
  const open = (keyFile?: string) => () => createSecretStore({ ...here(), keyFile });
  assert.throws(open(join(folder(), 'absent')), { code: 'GH-VAULT-001' });
  const short = join(folder(), 'short.key');
  await writeFile(short, 'abc');
  assert.throws(open(short), { code: 'GH-VAULT-002' });
  await createSecretStore(here()).set('a', canary);
  await chmod(join(folder(), 'secrets.key'), 0o644);
  assert.throws(open(), { code: 'GH-VAULT-003' });
  await rm(join(folder(), 'secrets.key'));
  assert.throws(open(), { code: 'GH-VAULT-004' });
});

test('names that could mean something else are refused', async () => {
  const store = createSecretStore(here());
  for (const name of ['', '../a', 'a//b', 'A', '__proto__', 'a b', 'x'.repeat(101)]) {
    await assert.rejects(store.set(name, canary), { code: 'GH-VAULT-006' });
  }
  assert.equal(await store.get('constructor'), undefined);
});
