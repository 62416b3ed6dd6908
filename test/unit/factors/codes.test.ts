import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBox } from '../../../gateway/vault/index.ts';
import { enrolApp, enrolPasskey, openFactors, sessions, somebody, vote, type Vault } from './support.ts';

let vault: Vault;
before(async () => {
  vault = await openFactors();
});
after(() => vault.close());

const prove = (principal: string, code: string, purpose = vote()) =>
  vault.factors.prove(principal, purpose, { code });
const wrong = (code: string): string => String((Number(code) + 123_456) % 1_000_000).padStart(6, '0');

test('a code of the app proves a vote, also as the app shows it in two groups', async () => {
  const principal = somebody();
  const { code, factor } = await enrolApp(vault, principal);
  const now = code();
  assert.equal(await prove(principal, `${now.slice(0, 3)} ${now.slice(3)} `), `code:${factor.id}`);
});

test('a code counts once: not again in its step, nor one of an earlier step', async () => {
  const principal = somebody();
  const { code } = await enrolApp(vault, principal);
  const [before, now] = [code(-1), code()];
  await prove(principal, now);
  for (const used of [now, before]) {
    await assert.rejects(prove(principal, used, vote('dec_2')), { code: 'GH-FACTOR-003' });
  }
});

test('of the same code sent twice at once, one counts', async () => {
  const principal = somebody();
  const { code } = await enrolApp(vault, principal);
  const now = code();
  const results = await Promise.allSettled([prove(principal, now), prove(principal, now, vote('dec_2'))]);
  assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected']);
});

test('the code that added the app is used up by it', async () => {
  const principal = somebody();
  const { code } = await enrolApp(vault, principal);
  await assert.rejects(prove(principal, code(-1)), { code: 'GH-FACTOR-003' });
});

test('a code of another person, of another time, or that is none is refused', async () => {
  const [one, two] = [somebody(), somebody()];
  const app = await enrolApp(vault, one);
  await enrolApp(vault, two);
  await assert.rejects(prove(two, app.code()), { code: 'GH-FACTOR-003' });
  for (const bad of [app.code(3), app.code(-3), '', '12345', '1234567', 'abcdef', '１２３４５６']) {
    const principal = somebody();
    await enrolApp(vault, principal);
    await assert.rejects(prove(principal, bad), { code: 'GH-FACTOR-003' }, bad);
  }
});

test('after five wrong codes none is looked at any more, not even the right one', async () => {
  const principal = somebody();
  const { code } = await enrolApp(vault, principal);
  for (let guess = 0; guess < 5; guess += 1) {
    await assert.rejects(prove(principal, wrong(code())), { code: 'GH-FACTOR-003' });
  }
  const refusal = { code: 'GH-FACTOR-004', status: 429 };
  await assert.rejects(prove(principal, code()), (error: { retryAfter?: number }) => {
    assert.ok(error.retryAfter && error.retryAfter > 800 && error.retryAfter <= 900);
    return Object.entries(refusal).every(([key, value]) => (error as Record<string, unknown>)[key] === value);
  });
  const another = somebody();
  const other = await enrolApp(vault, another);
  await prove(another, other.code());
});

test('guesses sent at once, for different votes and for a change, share one allowance', async () => {
  const principal = somebody();
  const { code } = await enrolApp(vault, principal);
  const guesses = Array.from({ length: 20 }, (_, index) =>
    prove(principal, wrong(code()), index % 2 === 0 ? vote(`dec_${index}`) : 'change'),
  );
  const results = await Promise.allSettled(guesses);
  const codes = results.map((result) => (result as { reason: { code: string } }).reason.code);
  assert.equal(codes.filter((one) => one === 'GH-FACTOR-003').length, 5);
  assert.equal(codes.filter((one) => one === 'GH-FACTOR-004').length, 15);
});

test('waiting out the short limit again and again ends at twenty wrong codes a day', async () => {
  const principal = somebody();
  const { code } = await enrolApp(vault, principal);
  let looked = 0;
  for (let guess = 0; guess < 30; guess += 1) {
    await vault.database.pool.query(`delete from factor_tries where key like 'soon:%'`);
    await prove(principal, wrong(code())).catch((error: { code: string }) => {
      if (error.code === 'GH-FACTOR-003') looked += 1;
    });
  }
  assert.equal(looked, 20);
});

test('right codes use no allowance up', async () => {
  const principal = somebody();
  const { code } = await enrolApp(vault, principal);
  for (let time = 0; time < 8; time += 1) {
    await vault.database.pool.query('update factors set last_step = 0 where principal = $1', [principal]);
    await prove(principal, code());
  }
});

test('the database holds no secret that opens without the key, or for another entry', async () => {
  const [one, two] = [somebody(), somebody()];
  const [app, other] = [await enrolApp(vault, one), await enrolApp(vault, two)];
  const { rows } = await vault.database.pool.query<{ row: string; sealed: string }>(
    'select factors::text as row, sealed_secret as sealed from factors where principal = $1',
    [one],
  );
  assert.ok(!JSON.stringify(rows).includes(app.secret));
  assert.ok(!Buffer.from(rows[0]?.sealed ?? '', 'base64').includes(app.secret));
  await vault.database.pool.query('update factors set sealed_secret = $2 where principal = $1', [
    two,
    rows[0]?.sealed,
  ]);
  for (const code of [app.code(), other.code()]) {
    await assert.rejects(prove(two, code), { code: 'GH-VAULT-009' });
  }
});

test('a sealed value opens with its own key only, and not once it was changed', async () => {
  const folders = await Promise.all([1, 2].map(() => mkdtemp(join(tmpdir(), 'box-'))));
  const [box, other] = folders.map((dataDir) => createBox({ dataDir }));
  assert.ok(box && other);
  const sealed = box.seal('a', 'value');
  assert.equal(box.open('a', sealed), 'value');
  assert.notEqual(box.seal('a', 'value'), sealed);
  const bytes = Buffer.from(sealed, 'base64');
  bytes.writeUInt8((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1);
  for (const open of [
    () => other.open('a', sealed),
    () => box.open('b', sealed),
    () => box.open('a', bytes.toString('base64')),
    () => box.open('a', ''),
  ]) {
    assert.throws(open, { code: 'GH-VAULT-009' });
  }
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
});

test('somebody without an app is told so, and a passkey is no code', async () => {
  const principal = somebody();
  await assert.rejects(prove(principal, '123456'), { code: 'GH-FACTOR-006' });
  await enrolPasskey(vault, principal, sessions.invited);
  await assert.rejects(prove(principal, '123456'), { code: 'GH-FACTOR-006' });
});
