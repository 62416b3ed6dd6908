import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { deletion, openPreviews, payment, priceChange, type Call, type Previews } from './preview-support.ts';

let on: Previews;
before(async () => {
  on = await openPreviews();
});
after(() => on.at.close());
beforeEach(() => on.next());

test('attack: the balance changes after the approval; nothing is paid, and it is asked again', async () => {
  const before = await on.payments();
  const id = await on.approved(payment);
  await on.change(
    `insert into ledger (account, amount, currency, reference, idempotency_key) values ('main', 1, 'EUR', 'in', 'in')`,
  );
  on.said.length = 0;
  const held = await on.execute(payment);
  assert.equal(held.status, 'needs_approval');
  assert.equal(held.reasons?.[0]?.code, 'preview_changed');
  assert.match(held.text ?? '', /Balance now was 25,000\.00 EUR and is 25,001\.00 EUR now\./);
  assert.ok(held.decision && held.decision !== id);
  for (const who of ['requester', 'approver-a', 'approver-b'])
    assert.ok(
      on.said.some((text) => text.startsWith(`${who}: `) && text.includes('is 25,001.00 EUR now')),
      who,
    );
  // Not even once all is as it was.
  await on.change(`delete from ledger where reference = 'in'`);
  const again = await on.execute(payment);
  assert.deepEqual([again.status, again.decision], ['needs_approval', held.decision]);
  assert.equal(await on.payments(), before);
  assert.equal((await on.receipts('approval.outdated')).length, 1);
  assert.match((await on.approvals.card(id)).preview, /^It does not hold any more\. Balance now was/);
  // The new decision has a card with the new numbers, and runs once it is approved.
  const decision = String(held.decision);
  const path = `/webhook-waiting/again-${on.turn}/n?approval=${decision}&signature=feed`;
  await on.approvals.register(on.run(), {
    executionId: `again-${on.turn}`,
    nodeId: 'n',
    items: [{ decision, resumePath: path }],
  });
  assert.equal(await on.vote(decision), 'approved');
  assert.equal((await on.tools.execute(on.run(), { ...payment, step: 'x:0:0' })).status, 'succeeded');
});

test('attack: more recipients, another price, another record than was approved', async () => {
  const cases: [Call, string, string, RegExp][] = [
    [
      { tool: 'newsletter.send', args: { subject: 'New hours', body: 'From Monday on' } },
      `insert into customers (id, name, email) values (99, 'Late', 'late@example.com')`,
      `delete from customers where id = 99`,
      /Recipients was 12 and is 13 now/,
    ],
    [
      priceChange,
      `update prices set price = 39 where product = 'team'`,
      `update prices set price = 49 where product = 'team'`,
      /Price now was 49\.00 EUR and is 39\.00 EUR now/,
    ],
    [
      deletion,
      `update customers set name = 'Other' where id = 7`,
      `update customers set name = 'Customer 7' where id = 7`,
      /Name was Customer 7 and is Other now/,
    ],
  ];
  for (const [call, sql, undo, expected] of cases) {
    on.turn += 1;
    await on.approved(call);
    await on.change(sql);
    const held = await on.execute(call);
    await on.change(undo);
    assert.equal(held.reasons?.[0]?.code, 'preview_changed');
    assert.match(held.text ?? '', expected);
  }
});

test('attack: what is stored is changed after people were asked; no vote counts', async () => {
  const attacks = [
    `update approvals set preview = jsonb_set(preview, '{facts,2,value}', '"paid 90 times before"') where id = $1`,
    `update approvals set deadline = deadline + interval '1 day' where id = $1`,
    `update approvals set requester = 'approver-b' where id = $1`,
    `update decisions set session_key = 'other' where id = $1`,
    `update decisions set policy_version = 'sha256:old' where id = $1`,
    `update decisions set epoch = epoch + 1 where id = $1`,
    `update decisions set args = jsonb_set(args, '{amount}', '"1.00"') where id = $1`,
    `update approvals set binding = null where id = $1`,
  ];
  for (const sql of attacks) {
    on.turn += 1;
    const { id } = await on.asked(payment);
    const { binding } = await on.approvals.card(id);
    await on.at.db.pool.query(sql, [id]);
    const ballot = { approvalId: id, verdict: 'approve' as const, channel: 'web', principal: 'approver-a' };
    await assert.rejects(on.approvals.vote(ballot), { code: 'GH-APPROVAL-050' }, sql);
    await assert.rejects(on.approvals.vote({ ...ballot, shownDigest: binding }), sql);
    assert.equal((await on.approvals.card(id)).state, 'cancelled', sql);
    const spare = await on.at.db.pool.query('select from grants where decision_id = $1', [id]);
    assert.equal(spare.rowCount, 0, sql);
  }
});

test('attack: what is stored is changed after people approved; the grant does not open', async () => {
  const attacks: [string, string][] = [
    [
      `update approvals set preview = jsonb_set(preview, '{facts,2,value}', '"paid 90 times before"') where id = $1`,
      'preview_changed',
    ],
    [
      `update approvals set preview = '{"state":"none","text":null,"facts":[],"at":""}' where id = $1`,
      'grant_other_binding',
    ],
    [`update approvals set deadline = deadline + interval '1 day' where id = $1`, 'grant_other_binding'],
    [`update grants set binding = null where decision_id = $1`, 'grant_other_binding'],
    [`delete from approvals where id = $1`, 'grant_other_binding'],
    [`update grants set policy_version = 'sha256:old' where decision_id = $1`, 'grant_old_rules'],
    [`update grants set epoch = epoch - 1 where decision_id = $1`, 'grant_old_epoch'],
  ];
  const before = await on.payments();
  for (const [sql, code] of attacks) {
    on.turn += 1;
    const id = await on.approved(payment);
    await on.at.db.pool.query(sql, [id]);
    assert.equal((await on.execute(payment)).reasons?.[0]?.code, code, sql);
  }
  assert.equal(await on.payments(), before);
});

test('attack: a restore bumps the epoch; a grant that is moved into the new one does not open', async () => {
  const id = await on.approved(payment);
  on.at.epoch.bump();
  assert.equal((await on.execute(payment)).reasons?.[0]?.code, 'grant_old_epoch');
  await on.at.db.pool.query('update grants set epoch = $2 where decision_id = $1', [
    id,
    on.at.epoch.current(),
  ]);
  assert.equal((await on.execute(payment)).reasons?.[0]?.code, 'grant_other_binding');
});

test('attack: a vote that was given for another binding makes up no quorum', async () => {
  const { id } = await on.asked(priceChange);
  const ballot = { approvalId: id, verdict: 'approve' as const, channel: 'web' };
  await on.approvals.vote({ ...ballot, principal: 'approver-a' });
  await on.at.db.pool.query(
    `update votes set shown_digest = 'sha256:${'0'.repeat(64)}' where approval_id = $1`,
    [id],
  );
  assert.equal((await on.approvals.vote({ ...ballot, principal: 'approver-b' })).state, 'pending');
});
