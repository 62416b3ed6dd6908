import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Approvals, Ballot } from '../../../gateway/approvals/index.ts';
import { buttonValue } from '../../../gateway/approvals/notices.ts';
import {
  everybody,
  gateOf,
  openHouse,
  slack,
  stateOf,
  tokenFor,
  type DecisionOptions,
  type House,
} from './support.ts';

/** Whose each authenticator is, as the factors room would say. */
const holders = new Map<string, string>();
let house: House;
let strict: Approvals;
before(async () => {
  house = await openHouse();
  strict = house.another({
    isStrict: (tool) => tool === 'ledger.transfer',
    factors: { holds: async (_db, principal, authenticator) => holders.get(authenticator) === principal },
  });
});
after(() => house.close());
beforeEach(async () => {
  for (const list of Object.values(house.seen)) list.length = 0;
  await house.setPeople({ people: everybody });
  await house.database.pool.query('update identity_links set votes_from = since where votes_from > since');
  holders.clear();
  holders.set('passkey:a', 'approver-a').set('code:a', 'approver-a').set('passkey:b', 'approver-b');
});

async function asked(options?: DecisionOptions) {
  const decision = await house.decision(options);
  await strict.register(decision.run, gateOf([decision]));
  return decision;
}

const vote = (approvalId: string, principal: string, more: Partial<Ballot> = {}) =>
  strict.vote({ approvalId, principal, verdict: 'approve', channel: 'web', ...more });
const count = async (id: string): Promise<number> =>
  (await house.database.pool.query('select 1 from votes where approval_id = $1', [id])).rowCount ?? 0;

test('a strict request is decided signed in with a second factor', async () => {
  const { id } = await asked();
  assert.equal((await vote(id, 'approver-a', { authenticator: 'passkey:a' })).state, 'approved');
});

test('a session alone decides nothing, neither way, and leaves no vote', async () => {
  const { id } = await asked();
  for (const verdict of ['approve', 'reject'] as const) {
    for (const authenticator of [undefined, '']) {
      await assert.rejects(vote(id, 'approver-a', { verdict, authenticator }), {
        code: 'GH-APPROVAL-061',
        status: 403,
      });
    }
  }
  assert.equal(await count(id), 0);
  assert.equal((await stateOf(house, id)).state, 'pending');
});

test('an authenticator of another person, of nobody, or that is too new is none', async () => {
  const { id } = await asked();
  for (const authenticator of ['passkey:b', 'passkey:none']) {
    await assert.rejects(vote(id, 'approver-a', { authenticator }), { code: 'GH-APPROVAL-061' });
  }
});

test('where factors cannot be asked, nobody decides', async () => {
  const closed = house.another({ isStrict: () => true });
  const { id } = await asked();
  const ballot = { approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' } as const;
  await assert.rejects(closed.vote({ ...ballot, authenticator: 'passkey:a' }), { code: 'GH-APPROVAL-061' });
});

test('the link of the form decides nothing, and is not given out', async () => {
  const { id, digest, run } = await house.decision();
  await house.approvals.register(run, gateOf([{ id }]));
  const token = tokenFor(house.seen, 'approver-a', id);
  await assert.rejects(strict.voteByToken(id, token, 'approve'), { code: 'GH-APPROVAL-009' });
  assert.equal((await strict.card(id, 'approver-a')).formUrl, null);
  assert.ok(digest);
});

test('in chat the buttons are a link to the page, for approvers and for a confirmation', async () => {
  const { id } = await asked();
  const notices = house.seen.notices.filter((notice) => notice.id.startsWith(id));
  assert.equal(notices.length, 2);
  for (const notice of notices) {
    assert.deepEqual(notice.buttons, []);
    assert.equal(notice.link, `https://gate.example.com/approvals/${id}`);
  }
  house.seen.replies.length = 0;
  await asked({ effect: 'confirm' });
  assert.deepEqual(house.seen.replies[0]?.buttons, []);
});

test('a button from before the class was strict decides nothing, and says where to decide', async () => {
  const { id } = await asked();
  const { binding } = await strict.card(id, 'approver-a');
  for (const channel of ['slack', 'telegram']) {
    const said = await strict.click({
      id: 'click',
      value: buttonValue('approve', { id, binding }),
      principal: 'approver-a',
      channel,
      messageId: 'm',
      identity: slack('approver-a'),
    });
    assert.equal(said?.tone, 'refused');
    assert.match(said?.text ?? '', /https:\/\/gate\.example\.com\/approvals\//);
  }
  assert.equal(await count(id), 0);
});

test('who may not decide learns nothing of factors', async () => {
  const { id } = await asked();
  await assert.rejects(vote(id, 'stranger', { authenticator: 'passkey:a' }), { code: 'GH-APPROVAL-005' });
  await assert.rejects(vote(id, 'requester'), { code: 'GH-APPROVAL-003' });
});

test('two people with one authenticator have one vote', async () => {
  const { id } = await asked({ quorum: 2 });
  await vote(id, 'approver-a', { authenticator: 'passkey:a' });
  holders.set('passkey:a', 'approver-b');
  await assert.rejects(vote(id, 'approver-b', { authenticator: 'passkey:a' }), { code: 'GH-APPROVAL-043' });
  assert.equal((await stateOf(house, id)).state, 'pending');
});

test('two factors of one person are one vote', async () => {
  const { id } = await asked({ quorum: 2 });
  await vote(id, 'approver-a', { authenticator: 'passkey:a' });
  await vote(id, 'approver-a', { authenticator: 'code:a' });
  assert.equal(await count(id), 1);
  assert.equal((await stateOf(house, id)).state, 'pending');
});

test('a vote stops counting when its factor is taken away before the quorum is met', async () => {
  const { id } = await asked({ quorum: 2 });
  await vote(id, 'approver-a', { authenticator: 'passkey:a' });
  holders.delete('passkey:a');
  assert.equal((await vote(id, 'approver-b', { authenticator: 'passkey:b' })).state, 'pending');
});

test('a vote from before the class was strict fills no seat', async () => {
  const { id } = await asked({ quorum: 2 });
  const ballot = { approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' } as const;
  await house.approvals.vote(ballot);
  assert.equal((await vote(id, 'approver-b', { authenticator: 'passkey:b' })).state, 'pending');
});
