import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Approvals, Ballot, InboxWish } from '../../../gateway/approvals/index.ts';
import {
  everybody,
  gateOf,
  openHouse,
  person,
  publicUrl,
  slack,
  stateOf,
  tokenFor,
  type House,
} from './support.ts';

/** What an automation asks for is confirmed by the person who answers for it, and by nobody else. */
const rent = 'automation:rent';
let house: House;
let approvals: Approvals;
let owner = 'stranger';
before(async () => {
  house = await openHouse();
  approvals = house.another({ automations: { list: () => [{ principal: rent, display: 'Rent', owner }] } });
});
after(() => house.close());
beforeEach(async () => {
  for (const list of Object.values(house.seen)) list.length = 0;
  house.unreachable.clear();
  owner = 'stranger';
  await house.setPeople({ people: everybody });
});

async function decided(visibility = 'private') {
  const { run } = await house.decision({ visibility });
  await house.database.pool.query(
    `update runs set principal = $2, actor = '{"display":"Rent"}' where id = $1`,
    [run.runId, rent],
  );
  const acting = { ...run, principal: rent, channel: { kind: 'automation', visibility } };
  return house.decision({ effect: 'confirm', run: acting });
}
async function asked(visibility?: string): Promise<string> {
  const decision = await decided(visibility);
  await approvals.register(decision.run, gateOf([decision]));
  return decision.id;
}
const vote = (approvalId: string, principal: string, more: Partial<Ballot> = {}) =>
  approvals.vote({ approvalId, principal, verdict: 'approve', channel: 'web', ...more });
const needed: InboxWish = { list: 'needed', group: 'none' };
const inbox = async (viewer: string): Promise<string[]> =>
  (await approvals.inbox(viewer, needed)).groups.map(({ items }) => items[0].card.id);

test('its owner gets the card, with buttons and a link of their own, and nobody else gets one', async () => {
  const id = await asked();
  assert.deepEqual(
    house.seen.notices.map(({ principal }) => principal),
    ['stranger'],
  );
  const [notice] = house.seen.notices;
  assert.match(notice?.text ?? '', /^Rent asks to /);
  assert.equal(notice?.buttons.length, 2);
  assert.ok(notice?.link?.startsWith(publicUrl));
  const card = await approvals.card(id, 'stranger');
  assert.deepEqual(card.approvers, [{ principal: 'stranger', display: 'Sam Stranger' }]);
  assert.equal(card.requester.display, 'Rent');
  assert.equal(card.mayApprove, true);
});

test('it stands in the inbox and the terminal of its owner, and of nobody else', async () => {
  const id = await asked();
  assert.ok((await inbox('stranger')).includes(id));
  assert.ok((await approvals.pendingFor('stranger')).some((card) => card.id === id));
  for (const other of ['approver-a', 'approver-b', 'requester']) {
    assert.ok(!(await inbox(other)).includes(id));
    assert.ok(!(await approvals.pendingFor(other)).some((card) => card.id === id));
    await assert.rejects(approvals.card(id, other), { code: 'GH-APPROVAL-001' });
  }
});

test('its owner confirms it, on the page, by a button or by the link', async () => {
  assert.equal((await vote(await asked(), 'stranger')).state, 'approved');
  const clicked = await asked();
  const value = house.seen.notices.at(-1)?.buttons[0] ?? '';
  const said = await approvals.click({
    id: 'c',
    value,
    principal: 'stranger',
    channel: 'slack',
    messageId: 'm',
    identity: slack('stranger'),
  });
  assert.equal(said?.tone, 'done');
  assert.equal((await stateOf(house, clicked)).state, 'approved');
  const linked = await asked();
  const token = tokenFor(house.seen, 'stranger', linked);
  assert.equal((await approvals.voteByToken(linked, token, 'approve')).state, 'approved');
});

test('its owner may refuse it', async () => {
  assert.equal((await vote(await asked(), 'stranger', { verdict: 'reject' })).state, 'rejected');
});

test('approvers, other people, strangers to people.yaml and the automation itself confirm nothing', async () => {
  const id = await asked();
  for (const principal of ['approver-a', 'requester']) {
    await assert.rejects(vote(id, principal), { code: 'GH-APPROVAL-005' });
    await assert.rejects(vote(id, principal, { channel: 'slack', identity: slack(principal) }), {
      code: 'GH-APPROVAL-005',
    });
  }
  for (const principal of [rent, 'nobody']) {
    await assert.rejects(vote(id, principal), { code: 'GH-APPROVAL-041' });
  }
  // The owner's name from somebody else's account is not the owner.
  await assert.rejects(vote(id, 'stranger', { channel: 'slack', identity: slack('approver-a') }), {
    code: 'GH-APPROVAL-041',
  });
  assert.equal((await stateOf(house, id)).state, 'pending');
});

test('who stands in for its owner does not confirm in their place', async () => {
  await house.setPeople({
    people: [...everybody, person('deputy', 'Dana Deputy')],
    standIns: [{ for: 'stranger', by: 'deputy', from: '2020-01-01', until: '2099-01-01' }],
  });
  await house.database.pool.query('update identity_links set votes_from = since where votes_from > since');
  const id = await asked();
  await assert.rejects(vote(id, 'deputy'), { code: 'GH-APPROVAL-005' });
});

test('an owner who changes after it was asked does not take the question over', async () => {
  const id = await asked();
  owner = 'approver-a';
  await assert.rejects(vote(id, 'approver-a'), { code: 'GH-APPROVAL-005' });
  assert.equal((await vote(id, 'stranger')).state, 'approved');
});

test('an owner who has left confirms nothing any more', async () => {
  const id = await asked();
  await house.setPeople({ people: everybody.filter(({ principal }) => principal !== 'stranger') });
  await assert.rejects(vote(id, 'stranger'), { code: 'GH-APPROVAL-041' });
  await house.setPeople({ people: everybody });
});

test('without an owner who is there or can be reached it is undeliverable, and nothing is granted', async () => {
  owner = 'somebody-who-left';
  assert.equal((await stateOf(house, await asked())).state, 'undeliverable');
  owner = 'stranger';
  house.unreachable.add('stranger');
  assert.equal((await stateOf(house, await asked())).state, 'undeliverable');
  assert.deepEqual(house.seen.grants, []);
});

test('an automation that nobody declares is confirmed by nobody', async () => {
  const decision = await decided();
  await house.another().register(decision.run, gateOf([decision]));
  assert.equal((await stateOf(house, decision.id)).state, 'undeliverable');
});

test('in a direct conversation too, the card goes to the owner and not into the automation’s own talk', async () => {
  const id = await asked('dm');
  assert.deepEqual(
    house.seen.notices.map(({ principal }) => principal),
    ['stranger'],
  );
  assert.ok(house.seen.replies.every(({ link }) => link === undefined));
  assert.equal((await vote(id, 'stranger')).state, 'approved');
});

test('several calls of one gate are one card of the owner', async () => {
  const first = await decided();
  const second = await house.decision({
    effect: 'confirm',
    run: first.run,
    args: { amount: '1.00', currency: 'EUR', payee: 'Other', reference: 'rent' },
  });
  await approvals.register(first.run, gateOf([first, second]));
  assert.equal(house.seen.notices.length, 1);
  const { binding, calls } = await approvals.card(first.id, 'stranger');
  assert.equal(calls, 2);
  assert.equal((await vote(first.id, 'stranger', { shownDigest: binding })).state, 'approved');
  assert.equal((await stateOf(house, second.id)).state, 'approved');
});

test('once decided, the owner’s copy says so and keeps no button', async () => {
  const id = await asked();
  await vote(id, 'stranger');
  const last = house.seen.notices.at(-1);
  assert.deepEqual([last?.principal, last?.buttons], ['stranger', []]);
  assert.match(last?.text ?? '', /It was approved by Sam Stranger/);
});

test('a change by its owner is asked of its owner again', async () => {
  const id = await asked();
  house.policy.effect = 'allow';
  try {
    const { digest } = await approvals.card(id, 'stranger');
    const edited = await approvals.edit({
      approvalId: id,
      principal: 'stranger',
      channel: 'web',
      args: { amount: '60.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' },
      shownDigest: digest,
    });
    assert.equal(edited.state, 'pending');
    assert.deepEqual((await approvals.card(edited.approvalId, 'stranger')).approvers, [
      { principal: 'stranger', display: 'Sam Stranger' },
    ]);
    assert.equal((await vote(edited.approvalId, 'stranger')).state, 'approved');
  } finally {
    house.policy.effect = 'approve';
  }
});

test('what others have to approve is asked of them, and the owner has no say by being the owner', async () => {
  const { run } = await decided();
  const decision = await house.decision({ effect: 'approve', run });
  await approvals.register(run, gateOf([decision]));
  await assert.rejects(vote(decision.id, 'stranger'), { code: 'GH-APPROVAL-005' });
  assert.ok(house.seen.notices.every(({ principal }) => principal.startsWith('approver-')));
});
