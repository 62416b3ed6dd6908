import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { ensureDatabases } from '../../../gateway/cli/up/databases.ts';
import { postgresPart } from '../../../gateway/cli/up/own-postgres.ts';
import type { Part } from '../../../gateway/cli/up/part.ts';
import { freePorts } from '../../../gateway/cli/up/ports.ts';
import { postgresUrl } from '../../../gateway/cli/up/postgres.ts';
import { ProcessList } from '../../../gateway/cli/up/processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-postgres-'));
let options: { dir: string; port: number; password: string; log: string };
let part: Part;

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

before(async () => {
  const { postgres: port } = await freePorts();
  options = { dir: folder, port, password: 'first', log: join(folder, 'postgres.log') };
  part = await postgresPart(options, new ProcessList(join(folder, 'processes.json')));
  await part.start();
});

after(async () => {
  await part.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('each database belongs to its own role, and no other role gets in', async () => {
  const url = postgresUrl(options, 'postgres');
  const wanted = [
    { role: 'one', password: 'p1', database: 'one' },
    { role: 'two', password: 'p2', database: 'two' },
  ];
  // As a start leaves it that was killed in the middle.
  await query(url, 'create role two login');
  await query(url, 'create database two owner two');
  await ensureDatabases(url, wanted);
  await ensureDatabases(url, wanted);
  const base = `@127.0.0.1:${options.port}`;
  assert.deepEqual(await query(`postgres://one:p1${base}/one`, 'select current_user as who'), [
    { who: 'one' },
  ]);
  await assert.rejects(query(`postgres://one:p1${base}/two`, 'select 1'), /permission denied/);
  await assert.rejects(
    query(`postgres://one:guess${base}/one`, 'select 1'),
    /password authentication failed/,
  );
});

test('the server listens on loopback only and logs no statement', async () => {
  const url = postgresUrl(options, 'postgres');
  assert.deepEqual(await query(url, 'show listen_addresses'), [{ listen_addresses: '127.0.0.1' }]);
  await assert.rejects(query(url, `select 'canary-text'::int`));
  await query(url, 'create table keyed (id text primary key)');
  await query(url, `insert into keyed values ('canary-key')`);
  await assert.rejects(query(url, `insert into keyed values ('canary-key')`));
  const log = readFileSync(options.log, 'utf8');
  assert.match(log, /duplicate key/);
  assert.doesNotMatch(log, /canary-key/);
});

test('after kill -9, with a stale pid file that names a stranger, the data is there at the next start', async () => {
  const url = postgresUrl(options, 'postgres');
  await query(url, 'create table kept as select 42 as value');
  process.kill(part.pid as number, 'SIGKILL');
  while (part.pid !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  const pidFile = join(folder, 'data/postmaster.pid');
  const lines = readFileSync(pidFile, 'utf8').split('\n');
  writeFileSync(pidFile, [String(process.pid), ...lines.slice(1)].join('\n'));
  appendFileSync(options.log, '');
  part = await postgresPart(options, new ProcessList(join(folder, 'processes.json')));
  await part.start();
  assert.deepEqual(await query(url, 'select value from kept'), [{ value: 42 }]);
});

test('the data folder and its password are for their owner only', () => {
  const mode = execFileSync('stat', ['-c', '%a', join(folder, 'data')], { encoding: 'utf8' }).trim();
  assert.equal(mode, '700');
  assert.throws(() => readFileSync(join(folder, 'password')));
});
