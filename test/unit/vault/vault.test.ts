import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { transaction } from '../../../gateway/db/index.ts';
import { createLeases, createSecretStore } from '../../../gateway/vault/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

const canary = 'canary-secret-value';
let db: TestDatabase;
let dataDir: string;
before(async () => {
  db = await testDatabase();
});
after(() => db.drop());
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'gatehouse-vault-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

const file = (): string => join(dataDir, 'secrets.json');
interface Stored {
  secrets: Record<string, Record<string, unknown>>;
}
async function tamper(change: (stored: Stored) => void): Promise<void> {
  const stored = JSON.parse(await readFile(file(), 'utf8')) as Stored;
  change(stored);
  await writeFile(file(), JSON.stringify(stored));
}

test('a secret survives a restart, and its value is nowhere on disk', async () => {
  const info = await createSecretStore({ dataDir }).set('slack/bot-token', canary);
  assert.equal(info.version, 1);
  const store = createSecretStore({ dataDir });
  assert.equal(await store.get('slack/bot-token'), canary);
  assert.equal(await store.get('slack/app-token'), undefined);
  for (const name of await readdir(dataDir)) {
    const path = join(dataDir, name);
    assert.ok(!(await readFile(path, 'utf8')).includes(canary));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  }
});

test('a list shows names, versions and times only', async () => {
  const store = createSecretStore({ dataDir });
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

test('two writers at once lose nothing', async () => {
  const [one, other] = [createSecretStore({ dataDir }), createSecretStore({ dataDir })] as const;
  await Promise.all(
    Array.from({ length: 10 }, (_value, index) => (index % 2 ? one : other).set(`s${index}`, canary)),
  );
  assert.equal((await createSecretStore({ dataDir }).list()).length, 10);
});

const attacks: [string, (stored: Stored) => void][] = [
  [
    'a byte of the value',
    ({ secrets }) => {
      (secrets.a as Record<string, string>).data = Buffer.from('zzzzzz').toString('base64');
    },
  ],
  [
    'the tag',
    ({ secrets }) => {
      (secrets.a as Record<string, string>).tag = Buffer.alloc(16).toString('base64');
    },
  ],
  [
    'a shortened tag',
    ({ secrets }) => {
      (secrets.a as Record<string, string>).tag = Buffer.from(String(secrets.a?.tag), 'base64')
        .subarray(0, 4)
        .toString('base64');
    },
  ],
  [
    'another secret under this name',
    ({ secrets }) => {
      secrets.a = secrets.b ?? {};
    },
  ],
  [
    'the version',
    ({ secrets }) => {
      (secrets.a as Record<string, number>).version = 9;
    },
  ],
  [
    'the form of the file',
    (stored) => {
      delete (stored as Partial<Stored>).secrets;
    },
  ],
];
for (const [name, change] of attacks) {
  test(`tampering is found: ${name}`, async () => {
    const store = createSecretStore({ dataDir });
    await store.set('a', canary);
    await store.set('b', 'other');
    await tamper(change);
    await assert.rejects(store.get('a'), { code: 'GH-VAULT-005' });
  });
}

test('another key opens nothing', async () => {
  await createSecretStore({ dataDir }).set('a', canary);
  const keyFile = join(dataDir, 'other.key');
  await writeFile(keyFile, Buffer.alloc(32, 7).toString('hex'));
  await assert.rejects(createSecretStore({ dataDir, keyFile }).get('a'), { code: 'GH-VAULT-005' });
});

test('a key that is missing, short, readable by others or lost refuses the start', async () => {
  assert.throws(() => createSecretStore({ dataDir, keyFile: join(dataDir, 'absent') }), {
    code: 'GH-VAULT-001',
  });
  const short = join(dataDir, 'short.key');
  await writeFile(short, 'abc');
  assert.throws(() => createSecretStore({ dataDir, keyFile: short }), { code: 'GH-VAULT-002' });
  await createSecretStore({ dataDir }).set('a', canary);
  await chmod(join(dataDir, 'secrets.key'), 0o644);
  assert.throws(() => createSecretStore({ dataDir }), { code: 'GH-VAULT-003' });
  await rm(join(dataDir, 'secrets.key'));
  assert.throws(() => createSecretStore({ dataDir }), { code: 'GH-VAULT-004' });
});

test('names that could mean something else are refused', async () => {
  const store = createSecretStore({ dataDir });
  for (const name of ['', '../a', 'a//b', 'A', '__proto__', 'a b', 'x'.repeat(101)]) {
    await assert.rejects(store.set(name, canary), { code: 'GH-VAULT-006' });
  }
  assert.equal(await store.get('constructor'), undefined);
});

test('a lease is opened with its receipt and ended in the transactions of its attempt', async () => {
  const store = createSecretStore({ dataDir });
  await store.set('demo/postgres', canary);
  const leases = createLeases(store);
  const open = (attemptId: string): Promise<void> =>
    transaction(db.pool, (tx) => leases.open(tx, { attemptId, messageId: 'm1', secret: 'demo/postgres' }));
  const ends = async (): Promise<boolean[]> => {
    const { rows } = await db.pool.query<{ ended: boolean }>(
      'select ended_at is not null as ended from leases order by attempt_id',
    );
    return rows.map((row) => row.ended);
  };
  await open('att_1');
  await open('att_2');
  assert.deepEqual(await ends(), [false, false]);
  await transaction(db.pool, (tx) => Promise.resolve(leases.end(tx, 'att_1')));
  assert.deepEqual(await ends(), [true, false]);
  const { rows } = await db.pool.query<{ facts: object }>(
    `select facts from receipts where kind = 'secret.lease'`,
  );
  assert.equal(rows.length, 2);
  assert.ok(!JSON.stringify(rows).includes(canary));
  assert.equal(await leases.read('demo/postgres'), canary);
  await assert.rejects(leases.read('absent'), { code: 'GH-VAULT-008' });
});
