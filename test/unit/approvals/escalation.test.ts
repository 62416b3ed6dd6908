import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Approvals, ApprovalsDeps } from '../../../gateway/approvals/index.ts';
import { everybody, gateOf, openHouse, person, tokenFor, until, type House, rebind } from './support.ts';

const classOf: ApprovalsDeps['classOf'] = () => ({
  fourEyes: false,
  escalate: [
    { after: 0.5, groups: ['managers'] },
    { after: 0.9, groups: ['board'] },
  ],
  remindAt: [0.25],
});

let house: House;
let approvals: Approvals;
before(async () => {
  house = await openHouse();
  approvals = house.another({ classOf });
});
after(() => house.close());
beforeEach(async () => {
  for (const list of Object.values(house.seen)) list.length = 0;
  await house.setPeople({
    people: [
      ...everybody,
      person('manager', 'Max Manager', ['managers']),
      person('boss', 'Bo Boss', ['board', 'approvers']),
    ],
  });
});

async function asked(options = {}) {
  const decision = await house.decision(options);
  await approvals.register(decision.run, gateOf([decision]));
  return decision;
}

/** Moves an approval to this share of the time until its deadline. */
const at = async (id: string, share: number): Promise<void> => {
  await house.database.pool.query(
    `update approvals set created_at = created_at - shift, deadline = deadline - shift, next_step_at = next_step_at - shift
     from (select (created_at + (deadline - created_at) * $2::float8) - clock_timestamp() as shift from approvals
       where id = $1) as moved where id = $1`,
    [id, share],
  );
  await rebind(house, id);
};

/** Lets gateways work until `check` holds, and a little longer, so that what is done twice shows. */
async function work(check: () => boolean | Promise<boolean>, ...gateways: Approvals[]): Promise<void> {
  const all = gateways.length > 0 ? gateways : [house.another({ classOf })];
  await Promise.all(all.map((gateway) => gateway.start()));
  await until(check);
  await new Promise((resolve) => setTimeout(resolve, 150));
  await Promise.all(all.map((gateway) => gateway.stop()));
}

const stepsDone = async (id: string): Promise<number> =>
  (
    await house.database.pool.query<{ done: number }>(
      'select steps_done as done from approvals where id = $1',
      [id],
    )
  ).rows[0]?.done ?? 0;

const receipts = async (id: string, kind: string) =>
  (
    await house.database.pool.query<{ facts: { people: string[]; groups?: string[] } }>(
      'select facts from receipts where decision_id = $1 and kind = $2 order by arrival',
      [id, kind],
    )
  ).rows.map((row) => row.facts);

test('before its share of the deadline nothing is sent, and only those first named are asked', async () => {
  const { id } = await asked();
  assert.deepEqual(
    house.seen.notices.map((notice) => notice.principal),
    ['approver-a', 'approver-b', 'boss'],
  );
  await at(id, 0.2);
  let turns = 0;
  await work(() => (turns += 1) > 8);
  assert.equal(await stepsDone(id), 0);
  await assert.rejects(
    approvals.vote({ approvalId: id, principal: 'manager', verdict: 'approve', channel: 'web' }),
    { code: 'GH-APPROVAL-005' },
  );
});

test('those who have not voted are reminded once, by one of several gateways, with a receipt', async () => {
  const { id } = await asked({ quorum: 2 });
  await approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' });
  await at(id, 0.3);
  house.seen.notices.length = 0;
  await work(async () => (await stepsDone(id)) === 1, ...[1, 2, 3].map(() => house.another({ classOf })));
  assert.deepEqual(
    house.seen.notices.map((notice) => [notice.principal, notice.buttons.length]),
    [
      ['approver-b', 0],
      ['boss', 0],
    ],
  );
  assert.match(house.seen.notices[0]?.text ?? '', /^Reminder: Robin Requester asks to pay/);
  assert.deepEqual(await receipts(id, 'approval.reminded'), [{ people: ['approver-b', 'boss'] }]);
});

test('a decision closes the reminders and the open questions with the cards', async () => {
  const { id } = await asked();
  await approvals.askBack({ approvalId: id, principal: 'boss', channel: 'web', question: 'Which invoice?' });
  await at(id, 0.6);
  await work(async () => (await stepsDone(id)) === 2);
  await approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' });
  const cards = Map.groupBy(house.seen.notices, (notice) => notice.card);
  assert.equal(cards.size, 3 + 3 + 1 + 1, 'cards, reminders, one escalation, one question');
  for (const [card, notices] of cards) {
    const last = notices.at(-1);
    assert.match(last?.text ?? '', /was approved/, card);
    assert.deepEqual([last?.buttons, last?.link], [[], undefined]);
  }
});

test('an edit closes the reminders of what was asked before it', async () => {
  const { id } = await asked();
  await at(id, 0.3);
  await work(async () => (await stepsDone(id)) === 1);
  const args = { amount: '90.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };
  const { digest: shownDigest } = await approvals.card(id);
  await approvals.edit({ approvalId: id, principal: 'requester', args, channel: 'web', shownDigest });
  const reminders = house.seen.notices.filter((notice) => notice.card.startsWith(`${id}:step:`));
  assert.equal(reminders.length, 6);
  assert.ok(reminders.slice(3).every((notice) => /replaced by a newer request/.test(notice.text)));
});

test('at half the time the next group is asked too, with a card and a link of their own', async () => {
  const { id } = await asked();
  await at(id, 0.6);
  house.seen.notices.length = 0;
  house.seen.replies.length = 0;
  await work(async () => (await stepsDone(id)) === 2, ...[1, 2, 3].map(() => house.another({ classOf })));
  const cards = house.seen.notices.filter((notice) => notice.buttons.length > 0);
  assert.deepEqual(
    cards.map((notice) => notice.principal),
    ['manager'],
    'nobody gets a second card',
  );
  assert.deepEqual(await receipts(id, 'approval.escalated'), [{ groups: ['managers'], people: ['manager'] }]);
  assert.match(cards[0]?.text ?? '', /It was not decided so far, so you are asked too\./);
  assert.match(
    house.seen.replies.at(-1)?.text ?? '',
    /Asked: .*Max Manager[\s\S]* asked too: Max Manager\.$/,
  );
  const result = await approvals.voteByToken(id, tokenFor(house.seen, 'manager', id), 'approve');
  assert.equal(result.state, 'approved');
  assert.ok(
    house.seen.notices.some((notice) => notice.principal === 'manager' && /was approved/.test(notice.text)),
    'the card is closed with its outcome',
  );
});

test('somebody who was asked before and is in the next group too is not asked again', async () => {
  const { id } = await asked();
  await at(id, 0.95);
  house.seen.notices.length = 0;
  await work(async () => (await stepsDone(id)) === 3);
  assert.deepEqual((await receipts(id, 'approval.escalated')).at(-1), { groups: ['board'], people: [] });
  assert.equal(
    house.seen.notices.filter((notice) => notice.principal === 'boss' && notice.buttons.length > 0).length,
    0,
  );
});

test('the requester is not asked by an escalation, nor is who stands in for them', async () => {
  await house.setPeople({
    people: [
      ...everybody.filter((entry) => entry.principal !== 'requester'),
      person('requester', 'Robin Requester', ['managers']),
      person('manager', 'Max Manager', ['managers']),
    ],
    standIns: [{ for: 'requester', by: 'manager', from: '2020-01-01', until: '2999-01-01' }],
  });
  const { id } = await asked();
  await at(id, 0.6);
  await work(async () => (await stepsDone(id)) === 2);
  assert.deepEqual(await receipts(id, 'approval.escalated'), [{ groups: ['managers'], people: [] }]);
  for (const principal of ['requester', 'manager']) {
    await assert.rejects(
      approvals.vote({ approvalId: id, principal, verdict: 'approve', channel: 'web' }),
      (error: { code: string }) => ['GH-APPROVAL-003', 'GH-APPROVAL-005'].includes(error.code),
    );
  }
});

test('what is decided or expired is neither escalated nor reminded', async () => {
  const decided = await asked();
  const late = await asked();
  await approvals.vote({ approvalId: decided.id, principal: 'boss', verdict: 'approve', channel: 'web' });
  await at(decided.id, 0.6);
  await at(late.id, 1.1);
  await work(async () => (await approvals.card(late.id)).state === 'expired');
  for (const { id } of [decided, late]) {
    assert.deepEqual(await receipts(id, 'approval.escalated'), []);
    assert.deepEqual(await receipts(id, 'approval.reminded'), []);
  }
});

test('a stand-in whose days began after the question gets the card with the reminder', async () => {
  const { id } = await asked();
  await house.setPeople({
    people: everybody,
    standIns: [{ for: 'approver-a', by: 'stranger', from: '2020-01-01', until: '2999-01-01' }],
  });
  await at(id, 0.3);
  await work(async () => (await stepsDone(id)) === 1);
  const card = house.seen.notices.find((notice) => notice.principal === 'stranger');
  assert.equal(card?.buttons.length, 2);
  const result = await approvals.voteByToken(id, tokenFor(house.seen, 'stranger', id), 'approve');
  assert.equal(result.state, 'approved');
});
