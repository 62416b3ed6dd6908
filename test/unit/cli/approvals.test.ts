import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { repository } from '../../../gateway/cli/up/index.ts';
import { gateOf, openHouse, type House } from '../approvals/support.ts';

let house: House;
const dir = mkdtempSync(join(tmpdir(), 'gatehouse-approvals-'));
before(async () => {
  house = await openHouse();
});
after(async () => {
  await house.close();
  rmSync(dir, { recursive: true });
});

function gatehouse(...args: string[]): { code: number | null; out: string; err: string } {
  const bin = join(repository, 'gateway/cli/gatehouse.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'approvals', ...args], {
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      HOME: dir,
      GATEHOUSE_UP_DIR: dir,
      GATEHOUSE_DATA_DIR: dir,
      GATEHOUSE_DATABASE_URL: house.database.url,
      GATEHOUSE_POLICIES_DIR: join(repository, 'policies'),
    },
  });
  return { code: status, out: stdout, err: stderr };
}

test('the terminal lists and shows what waits, and what strangers wrote does not drive it', async () => {
  assert.match(gatehouse('list').out, /No request waits for a decision/);
  assert.match(gatehouse('standing').out, /Nothing is allowed beforehand/);
  const args = { amount: '120.00', currency: 'EUR', payee: 'AC\u001b[31mME', reference: 'one\u202etwo' };
  const decision = await house.decision({ args });
  await house.approvals.register(decision.run, gateOf([decision]));
  const { out } = gatehouse('list');
  assert.match(out, new RegExp(`${decision.id} .* 0 of 1 `));
  const shown = gatehouse('show', decision.id.slice(0, 12)).out;
  assert.match(shown, /asks to pay 120\.00 EUR to AC\\u\{1b\}\[31mME/);
  assert.match(shown, /May decide: Alex Approver, Blake Approver\./);
  for (const text of [out, shown]) assert.doesNotMatch(text, /[\u001b\u202e]/);
  assert.equal((JSON.parse(gatehouse('list', '--json').out) as { id: string }[])[0]?.id, decision.id);
  const none = gatehouse('show', 'dec_none');
  assert.equal(none.code, 1);
  assert.match(none.err, /GH-CLI-405/);
});

test('a list that ends before its end says so, and how to see all of it', async () => {
  const due: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const decision = await house.decision();
    await house.approvals.register(decision.run, gateOf([decision]));
    due.push(decision.id);
  }
  const total = (JSON.parse(gatehouse('list', '--json').out) as unknown[]).length;
  assert.ok(total >= 3);
  const part = gatehouse('list', '--limit', '2');
  assert.equal(part.out.trim().split('\n').length, 3);
  assert.match(
    part.err,
    new RegExp(`^These are 2 of ${total} requests, those with the soonest deadlines\\.`),
  );
  const next = /^npx gatehouse approvals (list --limit \d+)$/m.exec(part.err)?.[1] ?? '';
  const all = gatehouse(...next.split(' '));
  assert.deepEqual([all.code, all.err], [0, '']);
  for (const id of due) assert.ok(all.out.includes(id));
  assert.equal(gatehouse('list').err, '');
  assert.match(gatehouse('list', '--json', '--limit', '1').err, new RegExp(`1 of ${total} `));
  for (const limit of ['0', '-1', '1.5', 'x']) assert.equal(gatehouse('list', '--limit', limit).code, 2);
});

test('a terminal that nobody signed in votes for nobody', async () => {
  const decision = await house.decision();
  await house.approvals.register(decision.run, gateOf([decision]));
  for (const verdict of ['approve', 'reject']) {
    const { code, err } = gatehouse(verdict, decision.id, '--yes', '--comment', 'x');
    assert.deepEqual([code, /GH-CLI-416/.test(err)], [1, true]);
  }
  assert.equal((await house.approvals.card(decision.id)).votes.length, 0);
});
