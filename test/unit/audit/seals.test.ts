import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportReceipts, recordReceipts, startSealer, verifyExport } from '../../../gateway/audit/index.ts';
import { genesis, link, receiptColumns, type StoredReceipt } from '../../../gateway/audit/chain.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { migrate, remakeSchema, transaction } from '../../../gateway/db/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
let folder: string;

before(async () => {
  database = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-seals-'));
});
after(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

test('receipts that were sealed when each held its own seal keep their places, and the chain goes on', async () => {
  const { pool } = database;
  const names = await readdir(join(import.meta.dirname, '../../../gateway/db/migrations'));
  await transaction(pool, (tx) => remakeSchema(tx, names.filter((name) => name < '0036').sort()));
  await pool.query(
    `insert into receipts (id, kind, facts) select gen_random_uuid(), 'outcome', jsonb_build_object('n', n) from generate_series(1, 3) n`,
  );
  const { rows } = await pool.query<StoredReceipt>(
    `select ${receiptColumns} from receipts order by arrival limit 2`,
  );
  for (const { id, position, previous, hash } of link({ position: 0, hash: genesis }, rows))
    await pool.query('update receipts set position = $2, previous = $3, hash = $4 where id = $1', [
      id,
      position,
      previous,
      hash,
    ]);

  await migrate(pool);
  const sealer = await startSealer({
    pool,
    headsFile: join(folder, 'heads.jsonl'),
    log: createLogger('silent'),
    everyMs: 3_600_000,
  });
  await transaction(pool, (tx) => recordReceipts(tx, [{ kind: 'outcome', facts: {} }]));
  await sealer.stop();
  const lines: string[] = [];
  await exportReceipts(pool, (line) => void lines.push(line), join(folder, 'heads.jsonl'));
  const found = await verifyExport([...lines, '']);
  assert.deepEqual([found.ok, found.receipts, found.unsealed], [true, 4, 0], JSON.stringify(found.problems));
});
