import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import {
  exportReceipts,
  listReceipts,
  readHeads,
  recordReceipts,
  type Receipt,
  splitLines,
  startSealer,
  verifyExport,
} from '../../../gateway/audit/index.ts';
import { genesis, link, type Head, type SealedReceipt } from '../../../gateway/audit/chain.ts';
import { canonical, ownDigest } from '../../../gateway/audit/export.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
let folder: string;
let heads: Head[];
/** Ten sealed receipts in heads of two, and two unsealed ones. */
let good: string[];

const written = (receipts: Receipt[]): Promise<string[]> =>
  transaction(database.pool, (tx) => recordReceipts(tx, receipts));

before(async () => {
  database = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-export-'));
  const headsFile = join(folder, 'heads.jsonl');
  const sealer = await startSealer({
    pool: database.pool,
    headsFile,
    log: createLogger('silent'),
    everyMs: 3_600_000,
  });
  await database.pool.query(
    `insert into messages (id, channel, principal, event) values ('web:1', 'web', 'requester', 'created'), ('web:2', 'web', 'other', 'created')`,
  );
  for (let round = 0; round < 5; round += 1) {
    await written([
      { kind: 'envelope', messageId: `web:${1 + (round % 2)}`, facts: { round, who: 'Zoë "Z" Ø' } },
      {
        kind: 'decision',
        messageId: `web:${1 + (round % 2)}`,
        decisionId: `dec_${round}`,
        facts: { list: ['a', 'b'], none: null },
      },
    ]);
    await sealer.seal();
  }
  await sealer.stop();
  await written([
    { kind: 'reply', messageId: 'web:1', facts: {} },
    { kind: 'kill-switch', facts: { engaged: true } },
  ]);
  heads = await readHeads(headsFile);
  good = [];
  await exportReceipts(database.pool, (line) => void good.push(line), headsFile);
});
after(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

const bytesOf = (lines: string[]): Buffer => Buffer.from(`${lines.join('\n')}\n`);
const verify = (lines: string[], witnesses: Head[] = []): ReturnType<typeof verifyExport> =>
  verifyExport(splitLines([bytesOf(lines)]), witnesses);
const receiptLine = (position: number): number => position;
const sealed = (): SealedReceipt[] =>
  good.slice(1, 11).map((line) => {
    const { type: _, ...receipt } = JSON.parse(line) as SealedReceipt & { type: string };
    return receipt;
  });

test('an untouched export is proven, and its unsealed tail is reported', async () => {
  const found = await verify(good, heads);
  assert.deepEqual(found.problems, []);
  assert.equal(found.ok, true);
  assert.equal(found.receipts, 10);
  assert.equal(found.unsealed, 2);
  assert.deepEqual(found.head, { position: 10, hash: heads.at(-1)?.hash });
  assert.equal(found.headsMatched, 10, 'five in the export and the same five in the file');
});

test('an empty chain is proven', async () => {
  const empty = await testDatabase();
  try {
    const lines: string[] = [];
    await exportReceipts(empty.pool, (line) => void lines.push(line));
    assert.deepEqual((await verify(lines)).problems, []);
  } finally {
    await empty.drop();
  }
});

test('attack: any one changed byte is found, and what it hit is named', async () => {
  const file = bytesOf(good);
  await fc.assert(
    fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), async (offset, mask) => {
      const changed = Buffer.from(file);
      changed[offset] = (changed[offset] ?? 0) ^ mask;
      const found = await verifyExport(splitLines([changed]));
      assert.equal(found.ok, false);
      const line = file.subarray(0, offset).filter((byte) => byte === 10).length + 1;
      assert.ok(
        found.problems.some((problem) => problem.line === line || problem.line === line + 1),
        `byte ${offset} of line ${line}: ${JSON.stringify(found.problems)}`,
      );
      if (line >= 2 && line <= 11) {
        assert.ok(
          found.problems.some((problem) => problem.position === line - 1),
          `receipt ${line - 1} is not named: ${JSON.stringify(found.problems)}`,
        );
      }
    }),
    { numRuns: 400 },
  );
});

test('attack: a line that says the same in other bytes is found', async () => {
  for (let line = 0; line < good.length; line += 1) {
    const found = await verify(good.with(line, (good[line] ?? '').replace('":', '": ')));
    assert.ok(found.problems.some((problem) => problem.kind === 'unreadable' && problem.line === line + 1));
  }
});

test('lines are cut alike however the bytes arrive', async () => {
  const file = Buffer.from('ab\n\nc\nd');
  for (const size of [1, 2, 3, 100]) {
    const chunks = Array.from({ length: Math.ceil(file.length / size) }, (_, at) =>
      file.subarray(at * size, (at + 1) * size),
    );
    const lines: string[] = [];
    for await (const line of splitLines(chunks)) lines.push(String(line));
    assert.deepEqual(lines, ['ab', '', 'c', 'd']);
  }
});

test('attack: each receipt that is taken out is named', async () => {
  for (let position = 1; position <= 10; position += 1) {
    const found = await verify(good.toSpliced(receiptLine(position), 1));
    assert.ok(
      found.problems.some((problem) => problem.kind === 'missing' || problem.position === position),
      `receipt ${position}`,
    );
    if (position < 10) assert.ok(found.problems.some((p) => p.kind === 'missing' && p.position === position));
  }
});

test(
  'attack: a receipt at a place without measure is reported at once, not counted up to',
  { timeout: 5000 },
  async () => {
    const [far] = link({ position: 2 ** 53 - 2, hash: genesis }, [
      {
        id: 'x',
        kind: 'reply',
        messageId: null,
        decisionId: null,
        facts: {},
        createdAt: '2026-01-01T00:00:00.000000Z',
      },
    ]);
    const { problems } = await verifyExport([
      ...good.slice(0, 11),
      canonical({ type: 'receipt', ...far }),
      ...good.slice(11),
      '',
    ]);
    const missing = problems.filter((problem) => problem.kind === 'missing');
    assert.deepEqual(
      missing.map((problem) => [problem.position, problem.text]),
      [[11, `Receipts 11 to ${2 ** 53 - 2} are missing.`]],
    );
  },
);

test('attack: two receipts that changed places are named, and nothing is called missing', async () => {
  const lines = [...good];
  [lines[3], lines[6]] = [lines[6] ?? '', lines[3] ?? ''];
  const found = await verify(lines);
  assert.ok(found.problems.some((problem) => problem.kind === 'reordered' && problem.position === 3));
  assert.ok(!found.problems.some((problem) => problem.kind === 'missing'));
});

test('attack: a receipt given twice is named', async () => {
  const found = await verify(good.toSpliced(4, 0, good[4] ?? ''));
  assert.ok(found.problems.some((problem) => problem.kind === 'reordered' && problem.position === 4));
});

test('attack: an export cut at any byte is found', async () => {
  const file = bytesOf(good);
  for (let length = 0; length < file.length; length += 7) {
    assert.equal((await verifyExport(splitLines([file.subarray(0, length)]))).ok, false, `cut at ${length}`);
  }
});

test('attack: one receipt replaced with a hash that is right for it breaks the next link', async () => {
  const receipts = sealed();
  const victim = receipts[4];
  assert.ok(victim);
  const [forged] = link({ position: 4, hash: victim.previous }, [{ ...victim, facts: { forged: true } }]);
  const found = await verify(good.toSpliced(5, 1, canonical({ type: 'receipt', ...forged })));
  assert.ok(found.problems.some((problem) => problem.kind === 'rewritten' && problem.position === 6));
});

/** A forger who computes everything again: all hashes, the embedded heads, the digests and the counts. */
function forge(receipts: SealedReceipt[], keepHeads: boolean): string[] {
  const relinked = link({ position: 0, hash: genesis }, receipts);
  const own = (line: Record<string, unknown>): string => canonical({ ...line, digest: ownDigest(line) });
  const embedded = keepHeads
    ? good.filter((line) => line.includes('"type":"head"'))
    : relinked
        .slice(-1)
        .map(({ position, hash }) =>
          own({ type: 'head', position, hash, sealedAt: '2026-11-01T10:00:00.000Z' }),
        );
  return [
    good[0] ?? '',
    ...relinked.map((receipt) => canonical({ type: 'receipt', ...receipt })),
    ...embedded,
    own({ type: 'end', receipts: relinked.length, unsealed: 0, heads: embedded.length }),
  ];
}

test('attack: a chain computed anew passes by itself and is caught by the heads', async () => {
  const receipts = sealed();
  receipts[6] = { ...(receipts[6] as SealedReceipt), facts: { forged: true } };
  assert.equal((await verify(forge(receipts, false))).ok, true, 'the reason that heads are kept elsewhere');
  const byFile = await verify(forge(receipts, false), heads);
  assert.match(byFile.problems[0]?.text ?? '', /Receipt 8 .* rewritten after receipt 6/);
  assert.equal((await verify(forge(receipts, true))).ok, false);
});

test('attack: a shortened chain computed anew is caught by the heads', async () => {
  const sealedBefore = heads.map((head) => ({ ...head, sealedAt: '2026-01-01T00:00:00.000Z' }));
  const found = await verify(forge(sealed().slice(0, 7), false), sealedBefore);
  assert.ok(found.problems.some((problem) => problem.kind === 'cut' && problem.position === 8));
});

test('heads sealed after the export was made are counted and not held against it', async () => {
  const later = { position: 12, hash: genesis, sealedAt: new Date(Date.now() + 60_000).toISOString() };
  const found = await verify(good, [...heads, later]);
  assert.equal(found.ok, true);
  assert.equal(found.headsNewer, 1);
});

test('receipts are listed by message, newest first, and a principal sees only their own', async () => {
  const all = await listReceipts(database.pool, { all: true });
  assert.deepEqual([...new Set(all.map((receipt) => receipt.messageId))], [null, 'web:1', 'web:2']);
  assert.equal(all[0]?.kind, 'kill-switch');
  const own = await listReceipts(database.pool, { principal: 'other' });
  assert.equal(own.length, 4);
  assert.ok(own.every((receipt) => receipt.messageId === 'web:2'));
  assert.deepEqual(await listReceipts(database.pool, { principal: 'requester' }, { messageId: 'web:2' }), []);
});

test('attack: a caller whose principal is missing sees nothing, not everything', async () => {
  const nobody = { principal: undefined } as unknown as { principal: string };
  assert.deepEqual(await listReceipts(database.pool, nobody), []);
  assert.deepEqual(
    await listReceipts(database.pool, { principal: null } as unknown as { principal: string }),
    [],
  );
});
