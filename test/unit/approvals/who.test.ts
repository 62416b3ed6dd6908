import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Ballot } from '../../../gateway/approvals/index.ts';
import type { Identity } from '../../../gateway/sessions/index.ts';
import {
  everybody,
  gateOf,
  openHouse,
  person,
  slack,
  stateOf,
  tokenFor,
  type DecisionOptions,
  type House,
} from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(async () => {
  for (const list of Object.values(house.seen)) list.length = 0;
  await house.setPeople({ people: everybody });
  await ripen();
});

async function asked(options?: DecisionOptions) {
  const decision = await house.decision(options);
  await house.approvals.register(decision.run, gateOf([decision]));
  return decision;
}

/** Lets a day go by for every account. */
const ripen = () =>
  house.database.pool.query('update identity_links set votes_from = since where votes_from > since');

/** Makes a message one that this account sent. */
const from = (messageId: string, { channel: kind, account, id: nativeId }: Identity) =>
  house.database.pool.query('update messages set envelope = $2 where id = $1', [
    messageId,
    JSON.stringify({ data: { channel: { kind, account }, sender: { nativeId } } }),
  ]);

const web = (principal: string): Identity => ({ channel: 'web', account: 'local', id: principal });

/** A vote of a person on Slack, with the account that is theirs unless said otherwise. */
function onSlack(approvalId: string, principal: string, more: Partial<Ballot> = {}) {
  const identity = slack(principal);
  return house.approvals.vote({
    approvalId,
    principal,
    verdict: 'approve',
    channel: 'slack',
    identity,
    ...more,
  });
}

function onWeb(approvalId: string, principal: string, more: Partial<Ballot> = {}) {
  return house.approvals.vote({ approvalId, principal, verdict: 'approve', channel: 'web', ...more });
}

const votes = async (id: string) =>
  (
    await house.database.pool.query<{ principal: string; seat: string; identity: Identity }>(
      'select principal, seat, identity from votes where approval_id = $1 order by voted_at',
      [id],
    )
  ).rows;

/** The people of the house with these changes of their accounts. */
const withAccounts = (accounts: Record<string, Identity[]>) => ({
  people: everybody.map((entry) => ({
    ...entry,
    identities: accounts[entry.principal] ?? entry.identities,
  })),
});

test('a vote says which account gave it', async () => {
  const { id } = await asked();
  await onSlack(id, 'approver-a');
  assert.deepEqual(await votes(id), [
    { principal: 'approver-a', seat: 'approver-a', identity: slack('approver-a') },
  ]);
});

test('a vote without an account, or with one of nobody or of somebody else, does not count', async () => {
  const { id } = await asked();
  for (const identity of [
    undefined,
    slack('nobody'),
    slack('approver-b'),
    { ...slack('approver-a'), account: 'T2' },
    { ...slack('approver-a'), channel: 'telegram' },
  ]) {
    await assert.rejects(onSlack(id, 'approver-a', { identity }), { code: 'GH-APPROVAL-041', status: 403 });
  }
  assert.deepEqual(await votes(id), []);
});

test('a sign-in as somebody without an account on the web does not vote', async () => {
  await house.setPeople(withAccounts({ 'approver-a': [slack('approver-a')] }));
  const { id } = await asked();
  await assert.rejects(onWeb(id, 'approver-a'), { code: 'GH-APPROVAL-041' });
});

test('neither an automation nor a client of the API nor a model has a vote, whatever account they name', async () => {
  const { id } = await asked();
  for (const principal of ['automation:nightly', 'client:n8n', 'client:cli', 'model', 'agent', '', 'bot']) {
    for (const identity of [undefined, web(principal), slack(principal), slack('approver-a')]) {
      await assert.rejects(onSlack(id, principal, { identity }), { code: 'GH-APPROVAL-041' });
      await assert.rejects(onWeb(id, principal, identity ? { identity } : {}), { code: 'GH-APPROVAL-041' });
    }
  }
  assert.deepEqual(await votes(id), []);
});

test('the requester has no vote over any channel, account or link', async () => {
  await house.setPeople({
    people: everybody.map((entry) =>
      entry.principal === 'requester' ? { ...entry, groups: ['approvers'] } : entry,
    ),
  });
  const { id } = await asked();
  await assert.rejects(onWeb(id, 'requester'), { code: 'GH-APPROVAL-003' });
  await assert.rejects(onSlack(id, 'requester'), { code: 'GH-APPROVAL-003' });
  assert.ok(!house.seen.notices.some((notice) => notice.principal === 'requester'));
  assert.deepEqual(await votes(id), []);
});

test('an account of the requester that moved to an approver after the question has no vote on it', async () => {
  const { id } = await asked();
  await house.setPeople(
    withAccounts({
      requester: [web('requester')],
      'approver-a': [web('approver-a'), slack('approver-a'), slack('requester')],
    }),
  );
  await ripen();
  await assert.rejects(onSlack(id, 'approver-a', { identity: slack('requester') }), {
    code: 'GH-APPROVAL-003',
  });
  const later = await asked();
  assert.equal(
    (await onSlack(later.id, 'approver-a', { identity: slack('requester') })).state,
    'approved',
    'on what is asked afterwards it votes',
  );
});

test('an account of an approver that moved to the requester has no vote, and what it voted counts no more', async () => {
  const { id } = await asked({ quorum: 2 });
  await onSlack(id, 'approver-a');
  await house.setPeople(
    withAccounts({
      requester: [web('requester'), slack('approver-a')],
      'approver-a': [web('approver-a')],
    }),
  );
  await ripen();
  await assert.rejects(onSlack(id, 'requester', { identity: slack('approver-a') }), {
    code: 'GH-APPROVAL-003',
  });
  await assert.rejects(onSlack(id, 'approver-a'), { code: 'GH-APPROVAL-041' });
  assert.equal((await onSlack(id, 'approver-b')).state, 'pending');
});

test('a renamed requester does not vote with the accounts of the name before', async () => {
  const { id } = await asked();
  await house.setPeople({
    people: [
      ...everybody.filter((entry) => entry.principal !== 'requester'),
      { ...person('robin', 'Robin', ['approvers']), identities: [web('robin'), slack('requester')] },
    ],
  });
  await ripen();
  await assert.rejects(onSlack(id, 'robin', { identity: slack('requester') }), { code: 'GH-APPROVAL-003' });
});

test('an account that was linked today is refused with the time from which it may vote', async () => {
  await house.setPeople(
    withAccounts({ 'approver-a': [web('approver-a'), slack('approver-a'), slack('new')] }),
  );
  const { id } = await asked();
  await assert.rejects(onSlack(id, 'approver-a', { identity: slack('new') }), {
    code: 'GH-APPROVAL-042',
    status: 403,
    message: /may vote from 20\d\d-\d\d-\d\d \d\d:\d\d UTC on/,
  });
  assert.deepEqual(await votes(id), []);
  await ripen();
  assert.equal((await onSlack(id, 'approver-a', { identity: slack('new') })).state, 'approved');
});

test('an account that is too new neither confirms what it asked nor gets a link that would', async () => {
  await house.setPeople(withAccounts({ requester: [web('requester'), slack('new')] }));
  const decision = await house.decision({ effect: 'confirm' });
  await from(decision.run.messageId, slack('new'));
  await house.approvals.register(decision.run, gateOf([decision]));
  await assert.rejects(onSlack(decision.id, 'requester', { identity: slack('new') }), {
    code: 'GH-APPROVAL-042',
  });
  const link = new URL(house.seen.replies[0]?.link ?? 'http://none/');
  await assert.rejects(house.approvals.voteByToken(decision.id, link.hash.slice(1), 'approve'), {
    code: 'GH-APPROVAL-042',
  });
  assert.equal((await onWeb(decision.id, 'requester')).state, 'approved');
});

test('the account from which it was asked has no vote, even where it left the requester before the question', async () => {
  const decision = await house.decision();
  await from(decision.run.messageId, slack('approver-b'));
  await house.approvals.register(decision.run, gateOf([decision]));
  await assert.rejects(onSlack(decision.id, 'approver-b'), { code: 'GH-APPROVAL-003' });
});

test('a link votes as the account that it was sent to, and no more once that has moved', async () => {
  const { id } = await asked();
  const { rows } = await house.database.pool.query<{ channel: string }>(
    `select identity ->> 'channel' as channel from approval_tokens
     where approval_id = $1 and principal = 'approver-a' order by 1`,
    [id],
  );
  assert.deepEqual(
    rows.map((row) => row.channel),
    ['slack', 'web'],
    'each account has a link of its own',
  );
  const token = tokenFor(house.seen, 'approver-a', id);
  await house.setPeople(
    withAccounts({ 'approver-a': [slack('approver-a')], stranger: [web('stranger'), web('approver-a')] }),
  );
  await assert.rejects(house.approvals.voteByToken(id, token, 'approve'), { code: 'GH-APPROVAL-041' });
});

test('one account and one authenticator count once in a quorum, whoever uses them', async () => {
  const { id } = await asked({ quorum: 2 });
  await onSlack(id, 'approver-a', { authenticator: 'passkey-1' });
  await assert.rejects(onSlack(id, 'approver-b', { authenticator: 'passkey-1' }), {
    code: 'GH-APPROVAL-043',
    status: 409,
  });
  await house.setPeople(
    withAccounts({ 'approver-a': [web('approver-a')], 'approver-b': [slack('approver-a')] }),
  );
  await ripen();
  await assert.rejects(onSlack(id, 'approver-b', { identity: slack('approver-a') }), {
    code: 'GH-APPROVAL-043',
  });
  assert.equal((await stateOf(house, id)).state, 'pending');
});

test('two people at once with one authenticator fill one seat', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { id } = await asked({ quorum: 2 });
    const settled = await Promise.allSettled(
      ['approver-a', 'approver-b'].map((one) => onSlack(id, one, { authenticator: 'shared' })),
    );
    assert.equal(settled.filter((vote) => vote.status === 'fulfilled').length, 1);
    assert.equal((await stateOf(house, id)).state, 'pending');
  }
});

test('votes that n8n relays fill one seat of a quorum; a rejection by its form still counts', async () => {
  const { id } = await asked({ quorum: 2 });
  const by = (principal: string, verdict: 'approve' | 'reject') =>
    house.approvals.voteByToken(id, tokenFor(house.seen, principal, id), verdict);
  assert.equal((await by('approver-a', 'approve')).state, 'pending');
  await assert.rejects(by('approver-b', 'approve'), {
    code: 'GH-APPROVAL-045',
    next: /https:\/\/gate\.example\.com\/approvals\/dec_/,
  });
  assert.equal((await stateOf(house, id)).state, 'pending');
  const other = await asked({ quorum: 2 });
  await house.approvals.voteByToken(other.id, tokenFor(house.seen, 'approver-a', other.id), 'approve');
  assert.equal((await onWeb(other.id, 'approver-b')).state, 'approved');
  assert.equal((await by('approver-b', 'reject')).state, 'rejected');
});

const today = new Date().toISOString().slice(0, 10);
const days = { from: today, until: new Date(Date.now() + 86_400_000).toISOString().slice(0, 10) };
const past = { from: '2020-01-01', until: '2020-01-31' };
const standIn = (away: string, by: string, when: object = days) => ({ for: away, by, ...when });
const withStandIns = (...standIns: object[]) => house.setPeople({ people: everybody, standIns });

test('a stand-in decides on their days, for the person who is away, and gets the card', async () => {
  await withStandIns(standIn('approver-a', 'stranger'));
  const { id } = await asked();
  assert.ok(house.seen.notices.some((notice) => notice.principal === 'stranger' && notice.link));
  assert.equal((await onWeb(id, 'stranger')).state, 'approved');
  assert.equal((await votes(id))[0]?.seat, 'approver-a');
  assert.equal((await house.approvals.card(id)).votes[0]?.standsInFor, 'Alex Approver');
});

test('before and after their days a stand-in has no vote', async () => {
  await withStandIns(
    standIn('approver-a', 'stranger', past),
    standIn('approver-b', 'stranger', { from: '2999-01-01', until: '2999-01-02' }),
  );
  const { id } = await asked();
  await assert.rejects(onWeb(id, 'stranger'), { code: 'GH-APPROVAL-005' });
});

test('a person and their stand-in have one vote together', async () => {
  for (const [first, second] of [
    ['stranger', 'approver-a'],
    ['approver-a', 'stranger'],
  ] as const) {
    await withStandIns(standIn('approver-a', 'stranger'));
    const { id } = await asked({ quorum: 2 });
    await onWeb(id, first);
    await assert.rejects(onWeb(id, second), { code: 'GH-APPROVAL-044', status: 409 });
    assert.equal((await stateOf(house, id)).state, 'pending');
    assert.equal((await onWeb(id, 'approver-b')).state, 'approved');
  }
});

test('who stands in for two people has one vote, and a member who stands in has their own', async () => {
  await withStandIns(standIn('approver-a', 'stranger'), standIn('approver-b', 'stranger'));
  const { id } = await asked({ quorum: 2 });
  await onWeb(id, 'stranger');
  assert.equal((await onWeb(id, 'stranger')).state, 'pending');
  assert.equal((await votes(id)).length, 1);
  await withStandIns(standIn('approver-a', 'approver-b'));
  const other = await asked({ quorum: 2 });
  await onWeb(other.id, 'approver-b');
  assert.equal((await votes(other.id))[0]?.seat, 'approver-b');
  assert.equal((await onWeb(other.id, 'approver-a')).state, 'approved', 'two members are two people');
});

test('a member whose vote is in through a stand-in does not vote again as somebody else’s stand-in', async () => {
  await withStandIns(standIn('approver-b', 'stranger'), standIn('approver-a', 'approver-b'));
  const { id } = await asked({ quorum: 2 });
  await onWeb(id, 'stranger');
  await assert.rejects(onWeb(id, 'approver-b'), { code: 'GH-APPROVAL-044' });
});

test('a stand-in rejects although the person they stand in for approved', async () => {
  await withStandIns(standIn('approver-a', 'stranger'));
  const { id } = await asked({ quorum: 2 });
  await onWeb(id, 'approver-a');
  assert.equal((await onWeb(id, 'stranger', { verdict: 'reject' })).state, 'rejected');
});

test('once the days are over, a stand-in’s vote counts no more and the person votes again themselves', async () => {
  await withStandIns(standIn('approver-a', 'stranger'));
  const { id } = await asked({ quorum: 2 });
  await onWeb(id, 'stranger');
  await withStandIns();
  assert.equal((await onWeb(id, 'approver-b')).state, 'pending');
  assert.equal((await onWeb(id, 'approver-a')).state, 'approved');
});

test('who stands in for the requester does not decide what the requester asked, not even as a member', async () => {
  await withStandIns(
    standIn('requester', 'stranger'),
    standIn('approver-b', 'stranger'),
    standIn('requester', 'approver-a'),
  );
  const { id } = await asked();
  await assert.rejects(onWeb(id, 'stranger'), { code: 'GH-APPROVAL-005' });
  await assert.rejects(onWeb(id, 'approver-a'), { code: 'GH-APPROVAL-005' });
  assert.equal((await onWeb(id, 'approver-b')).state, 'approved');
});

test('the requester does not decide their own request by standing in for an approver', async () => {
  await withStandIns(standIn('approver-a', 'requester'));
  const { id } = await asked();
  assert.ok(!house.seen.notices.some((notice) => notice.principal === 'requester'));
  assert.deepEqual(
    (await house.approvals.card(id)).approvers.map((one) => one.principal),
    ['approver-a', 'approver-b'],
  );
  await assert.rejects(onWeb(id, 'requester'), { code: 'GH-APPROVAL-003' });
  assert.deepEqual(await votes(id), []);
});

test('where no person asked, four eyes are two approvers', async () => {
  const strict = house.another({ classOf: () => ({ fourEyes: true, escalate: [], remindAt: [] }) });
  const decision = await house.decision();
  await house.database.pool.query(`update decisions set principal = 'automation:nightly' where id = $1`, [
    decision.id,
  ]);
  await strict.register(decision.run, gateOf([decision]));
  assert.equal((await onWeb(decision.id, 'approver-a')).state, 'pending');
  assert.equal((await onWeb(decision.id, 'approver-b')).state, 'approved');
});
