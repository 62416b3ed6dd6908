import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { copyRows, readCopies } from '../../../gateway/vault/index.ts';
import { FakeN8nApi } from '../../fixtures/vendors/n8n.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { login, outcomes, sync } from './copies-support.ts';
import { rotating, type Rotating } from './rotation-support.ts';

const secret = 'reports/postgres';
const password = 'canary=pass/word';
const url = (word = password): string =>
  `postgres://reporter:${encodeURIComponent(word)}@db.example.com:5433/reports`;
const by = 'by: { kind: command, make: [/bin/false] }';

describe('secrets that are copied into n8n', () => {
  let db: TestDatabase;
  let n8n: FakeN8nApi;
  let at: Rotating;
  before(async () => {
    db = await testDatabase();
  });
  after(() => db.drop());
  beforeEach(async () => {
    n8n = await new FakeN8nApi().start();
    at = await rotating(db, [
      `{ names: ${secret}, rotate: { every: 12h, overlap: 1h, ${by} } }`,
      `{ names: reports/seldom, rotate: { every: 30d, ${by} } }`,
    ]);
    await at.secrets.set(secret, url());
  });
  afterEach(async () => {
    assert.deepEqual(n8n.problems, []);
    await n8n.stop();
    await at.close();
    await db.pool.query('truncate n8n_credentials, n8n_credential_sessions, receipts cascade');
  });

  const look = (
    copies = [login(secret)],
    more: { used?: Map<string, string[]>; url?: string } = {},
  ): ReturnType<typeof sync> => sync(n8n, { pool: db.pool, secrets: at.secrets, copies, ...more });
  const held = () => [...n8n.stored.values()];

  test('hold the declared fields and no other, and are written again when the value is another one', async () => {
    const [first] = await look();
    assert.equal(first?.state, 'written');
    assert.deepEqual(held(), [
      {
        name: 'Reports',
        type: 'postgres',
        data: {
          host: 'db.example.com',
          port: 5433,
          database: 'reports',
          user: 'reporter',
          password,
          ssl: 'disable',
        },
      },
    ]);
    // Good until the next rotation, and through its overlap.
    const life = (first.until?.getTime() ?? 0) - Date.now();
    assert.ok(life > 12.9 * 3_600_000 && life <= 13 * 3_600_000, String(life));
    assert.deepEqual(outcomes(await look()), ['kept']);
    await at.secrets.set(secret, url('second'));
    assert.deepEqual(outcomes(await look()), ['written']);
    assert.equal(held()[0]?.data.password, 'second');
    assert.equal(n8n.stored.size, 1);
  });

  test('each writing leaves a receipt with ids, digests and times, and no value', async () => {
    await look();
    await look([]);
    const { rows } = await db.pool.query<{ kind: string; facts: Record<string, string> }>(
      'select kind, facts from receipts order by id',
    );
    assert.deepEqual(
      rows.map(({ kind }) => kind),
      ['secret.copied', 'secret.uncopied'],
    );
    assert.equal(rows[0]?.facts.secret, secret);
    assert.match(rows[0].facts.declared ?? '', /^(sha256:)?[0-9a-f]{64}$/);
    assert.ok(!JSON.stringify(rows).includes(password));
  });

  test('a credential that was deleted in n8n by hand is made anew, and one of somebody else is left alone', async () => {
    n8n.stored.set('theirs', { name: 'Reports', type: 'postgres', data: { password: 'theirs' } });
    await look();
    assert.equal(n8n.stored.size, 2);
    const [row] = await copyRows(db.pool);
    n8n.stored.delete(row?.credential_id ?? '');
    await at.secrets.set(secret, url('third'));
    assert.deepEqual(outcomes(await look()), ['written']);
    assert.equal(n8n.stored.get(row?.credential_id ?? '')?.data.password, 'third');
    assert.deepEqual(outcomes(await look([])), ['removed']);
    assert.deepEqual([...n8n.stored.keys()], ['theirs']);
    assert.deepEqual(await copyRows(db.pool), []);
  });

  test('what is not declared any more is removed, also where it is gone from n8n already', async () => {
    await look();
    n8n.stored.clear();
    assert.deepEqual(outcomes(await look([])), ['removed']);
  });

  test('a long-lived secret is refused, and one that tools use, and n8n is not asked', async () => {
    await at.secrets.set('reports/fixed', url());
    await at.secrets.set('reports/seldom', url());
    for (const [copy, code, used] of [
      [login('reports/fixed'), 'GH-VAULT-029', {}],
      [login('reports/seldom'), 'GH-VAULT-030', {}],
      [login(secret, { lifetime: 12 * 3_600_000 }), 'GH-VAULT-030', {}],
      [login(secret), 'GH-VAULT-031', { [secret]: ['reports.query'] }],
    ] as const) {
      const done = await look([copy], { used: new Map(Object.entries(used).map(([k, v]) => [k, [...v]])) });
      assert.deepEqual(outcomes(done), [`failed ${code}`]);
    }
    assert.equal(n8n.calls.length, 0);
  });

  test('a type that n8n does not have, a part that the secret lacks, and a value that n8n would run, are refused', async () => {
    assert.deepEqual(outcomes(await look([login(secret, { type: 'oracle' })])), ['failed GH-VAULT-034']);
    await at.secrets.set(secret, 'postgres://reporter:x@db.example.com/reports');
    assert.deepEqual(outcomes(await look()), ['failed GH-VAULT-032']);
    await at.secrets.set(secret, url('={{ $env.HOME }}'));
    assert.deepEqual(outcomes(await look()), ['failed GH-VAULT-032']);
    assert.equal(n8n.stored.size, 0);
  });

  test('a refusal of n8n that repeats the value is told without it, and the next look writes', async () => {
    await look();
    await at.secrets.set(secret, url('canary"two'));
    n8n.failNext({ status: 200 }, { status: 400, json: { message: 'no good: canary"two' } });
    const [failed] = await look();
    assert.equal(failed?.error?.code, 'GH-CLI-021');
    assert.ok(
      !JSON.stringify([failed, failed.error?.message, String(failed.error?.cause)]).includes('canary'),
    );
    assert.equal((await copyRows(db.pool))[0]?.mark, null);
    assert.deepEqual(outcomes(await look()), ['written']);
  });

  test('an n8n that is away fails that credential, and an answer that is lost makes nothing twice', async () => {
    assert.deepEqual(outcomes(await look(undefined, { url: 'http://127.0.0.1:9' })), ['failed GH-CLI-020']);
    n8n.failNext({ status: 200 }, { status: 404 });
    n8n.loseNextAnswer();
    assert.deepEqual(outcomes(await look()), ['failed GH-CLI-020']);
    assert.equal(n8n.stored.size, 1);
    assert.deepEqual(outcomes(await look()), ['written']);
    assert.equal(n8n.stored.size, 1);
  });
});

describe('n8n-credentials.yaml', () => {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-copies-'));
  after(() => rmSync(dir, { recursive: true }));
  const read = (text: string): ReturnType<typeof readCopies> => {
    writeFileSync(join(dir, 'n8n-credentials.yaml'), text);
    return readCopies(dir);
  };
  const entry = (fields: string, lifetime = '1h'): string =>
    `credentials:\n  - { name: Reports, type: postgres, secret: a/b, lifetime: ${lifetime}, fields: ${fields} }\n`;

  test('declares nothing where there is none', async () => {
    assert.deepEqual(await readCopies(dir), []);
  });

  test('names each fault with its line', async () => {
    assert.equal((await read(entry(`{ password: '{password}', port: 5432 }`))).length, 1);
    for (const [text, what] of [
      [entry(`{ host: '{host}' }`), /hold neither/],
      [entry(`{ password: '{secret}{password}' }`), /\{secret\} is not a part/],
      [entry(`{ password: '={password}' }`), /expression/],
      [entry(`{ password: '{password}' }`, '8d'), /longer than 7d/],
      [entry(`{ password: '{password}' }`) + entry(`{ a: '{value}' }`).split('\n')[1], /twice/],
    ] as const)
      await assert.rejects(read(text), { code: 'GH-VAULT-028', message: what });
  });
});
