import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { recordReceipts, startSealer } from '../../../gateway/audit/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

const program = join(import.meta.dirname, '../../../gateway/cli/gatehouse.mjs');
let database: TestDatabase;
let folder: string;
let ids: string[];

before(async () => {
  database = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-cli-audit-'));
  ids = await transaction(database.pool, (tx) =>
    recordReceipts(tx, [
      { kind: 'envelope', facts: { channel: 'web' } },
      { kind: 'decision', facts: { effect: 'allow' } },
    ]),
  );
  const headsFile = join(folder, 'receipt-heads.jsonl');
  const sealer = await startSealer({ pool: database.pool, headsFile, log: createLogger('silent') });
  await sealer.seal();
  await sealer.stop();
});
after(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

function gatehouse(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const env = { PATH: process.env.PATH, GATEHOUSE_DATABASE_URL: database.url, GATEHOUSE_DATA_DIR: folder };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env }, (failed, out, error) =>
      resolve({ code: failed ? Number(failed.code) : 0, out, error }),
    );
  });
}

test('an export verifies offline, and one changed byte is found and named', async () => {
  const file = join(folder, 'receipts.jsonl');
  assert.equal((await gatehouse('audit', 'export', '--out', file)).code, 0);
  const good = await gatehouse('audit', 'verify', file, '--heads', join(folder, 'receipt-heads.jsonl'));
  assert.equal(good.code, 0, good.out + good.error);
  assert.match(good.out, /Verified: 2 receipts/);
  const forged = join(folder, 'forged.jsonl');
  await writeFile(forged, (await readFile(file, 'utf8')).replace('"allow"', '"allox"'));
  const bad = await gatehouse('audit', 'verify', forged);
  assert.equal(bad.code, 1);
  assert.match(bad.out, new RegExp(`Receipt 2 \\(${ids[1]}\\) was changed`));
  const found = JSON.parse((await gatehouse('audit', 'verify', forged, '--json')).out) as { ok: boolean };
  assert.equal(found.ok, false);
});

test('an export never replaces a file', async () => {
  const file = join(folder, 'evidence.jsonl');
  await writeFile(file, 'evidence');
  const { code, error } = await gatehouse('audit', 'export', '--out', file);
  assert.equal(code, 3);
  assert.match(error, /exists already/);
  assert.equal(await readFile(file, 'utf8'), 'evidence');
});

test('a missing export, missing heads and a runner without a token say what to do', async () => {
  for (const [args, code] of [
    [['audit', 'verify', '/nowhere'], 'GH-AUDIT-006'],
    [['audit', 'verify', '/nowhere', '--heads', '/nowhere'], 'GH-AUDIT-004'],
    [['runner', '--port', '0'], 'GH-SANDBOX-001'],
  ] as const) {
    const { code: exit, error } = await gatehouse(...args);
    assert.equal(exit, 1);
    assert.match(error, new RegExp(code));
  }
});
