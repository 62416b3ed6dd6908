import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Approvals, ApprovalsDeps, Ballot } from '../../../gateway/approvals/index.ts';
import { changedSignal, settledSignal } from '../../../gateway/approvals/settle.ts';
import { sameDigest } from '../../../gateway/approvals/vote.ts';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { digest } from '../../../gateway/envelope/index.ts';
import {
  everybody,
  gateOf,
  openHouse,
  person,
  rebind,
  slack,
  stateOf,
  tokenFor,
  until,
  type DecisionOptions,
  type House,
} from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(() => {
  for (const list of Object.values(house.seen)) list.length = 0;
});

async function asked(options?: DecisionOptions) {
  const decision = await house.decision(options);
  const gate = gateOf([decision]);
  await house.approvals.register(decision.run, gate);
  return { ...decision, gate };
}

const ballotOf = (approvalId: string, principal: string, more: Partial<Ballot> = {}): Ballot => ({
  approvalId,
  principal,
  verdict: 'approve',
  channel: 'web',
  ...more,
});
const vote = (approvalId: string, principal: string, more: Partial<Ballot> = {}) =>
  house.approvals.vote(ballotOf(approvalId, principal, more));

const factsOf = async (id: string, kind: string) =>
  (
    await house.database.pool.query<{ facts: Record<string, unknown> }>(
      'select facts from receipts where decision_id = $1 and kind = $2 order by arrival',
      [id, kind],
    )
  ).rows.map(({ facts }) => facts);
const commentOf = async (id: string) => (await house.approvals.card(id)).votes.map(({ comment }) => comment);

test('the receipt of a vote proves who gave it how, for what, and holds neither account nor comment', async () => {
  const { id } = await asked({ quorum: 2 });
  const { binding } = await house.approvals.card(id);
  await vote(id, 'approver-a', {
    channel: 'slack',
    identity: slack('approver-a'),
    authenticator: 'passkey-1',
    comment: 'fine',
  });
  await vote(id, 'approver-b', { verdict: 'reject', comment: ' ' });
  assert.deepEqual(await factsOf(id, 'approval.vote'), [
    {
      principal: 'approver-a',
      verdict: 'approve',
      channel: 'slack',
      seat: 'approver-a',
      identity: digest(['slack', 'T1', 'U-approver-a']),
      authenticator: digest('passkey-1'),
      shown: binding,
      commented: true,
      standing: false,
    },
    {
      principal: 'approver-b',
      verdict: 'reject',
      channel: 'web',
      seat: 'approver-b',
      identity: digest(['web', 'local', 'approver-b']),
      authenticator: null,
      shown: binding,
      commented: false,
      standing: false,
    },
  ]);
});

test('a comment is kept as far as it can be: without blanks around it and what Postgres cannot hold, cut at 2000', async () => {
  const { id } = await asked({ quorum: 2 });
  await vote(id, 'approver-a', { comment: '  a\0b\ud800  ' });
  await vote(id, 'approver-b', { comment: 'x'.repeat(3000) });
  assert.deepEqual(await commentOf(id), ['ab\ufffd', 'x'.repeat(2000)]);
  for (const comment of [undefined, null, '', ' \n', '\0']) {
    const other = await asked();
    await vote(other.id, 'approver-a', { comment });
    assert.deepEqual(await commentOf(other.id), [null]);
  }
});

test('a vote that leaves others to decide tells the requester how far it is, and wakes open inboxes', async () => {
  const { id, run } = await asked({ quorum: 2 });
  const heard: string[] = [];
  const stop = house.deps.signals.on(changedSignal, (payload) => heard.push(payload));
  try {
    house.seen.replies.length = 0;
    const { message } = await vote(id, 'approver-a');
    assert.match(message, /^Your vote counts\. 1 of 2 approvals: Alex Approver\.$/);
    const [told, ...more] = house.seen.replies;
    assert.deepEqual(more, []);
    assert.deepEqual(
      [told?.messageId, told?.id, told?.final],
      [run.messageId, `${id}:vote:approver-a`, false],
    );
    assert.match(told?.text ?? '', /1 of 2 approvals: Alex Approver/);
    await until(() => heard.includes(id));
  } finally {
    stop();
  }
});

test('the vote that decides wakes whoever brings outcomes to the runs', async () => {
  const { id } = await asked();
  const heard: string[] = [];
  const stop = house.deps.signals.on(settledSignal, (payload) => heard.push(payload));
  try {
    const { message } = await vote(id, 'approver-a');
    assert.match(message, /^It was approved by Alex Approver/);
    await until(() => heard.includes(id));
  } finally {
    stop();
  }
});

test('arguments that changed after people were asked end the request, and the vote counts for nothing', async () => {
  const { id } = await asked();
  await house.database.pool.query(
    `update decisions set args = jsonb_set(args, '{payee}', '"Mallory"') where id = $1`,
    [id],
  );
  await assert.rejects(vote(id, 'approver-a'), { code: 'GH-APPROVAL-050' });
  const card = await house.approvals.card(id);
  assert.deepEqual([card.state, card.votes], ['cancelled', []]);
  assert.match(card.reason ?? '', /not what people were asked about/);
  assert.deepEqual(house.seen.grants, []);
});

test('a request that may not be granted any more ends with the reason, for everybody', async () => {
  const { id } = await asked({ quorum: 2 });
  await vote(id, 'approver-a');
  const refusal = new GatehouseError('GH-POLICY-026', 'The rules changed.', { status: 403 });
  house.policy.refusal = refusal;
  try {
    await assert.rejects(vote(id, 'approver-b'), refusal);
  } finally {
    house.policy.refusal = null;
  }
  const card = await house.approvals.card(id);
  assert.deepEqual([card.state, card.reason], ['cancelled', 'The rules changed.']);
});

test('a repeat of a vote is told how it stands now, also after the end; the opposite is told that it is over', async () => {
  const { id } = await asked();
  await vote(id, 'approver-a');
  assert.equal((await vote(id, 'approver-a')).state, 'approved');
  await assert.rejects(vote(id, 'approver-a', { verdict: 'reject' }), { code: 'GH-APPROVAL-004' });
});

test('a vote counts for what the voter was shown, in whole or by the start of its digest', async () => {
  for (const shown of [(binding: string) => binding, (binding: string) => binding.slice(7, 15)]) {
    const { id } = await asked();
    const { binding } = await house.approvals.card(id);
    assert.equal((await vote(id, 'approver-a', { shownDigest: shown(binding) })).state, 'approved');
  }
  const { id } = await asked();
  for (const shownDigest of ['', 'sha256:', '0'.repeat(64), digest('something else')])
    await assert.rejects(vote(id, 'approver-a', { shownDigest }), { code: 'GH-APPROVAL-006' });
});

test('eight digits of a digest or more are compared, and nothing that is no digest', () => {
  const whole = digest('a call');
  const hex = whole.slice('sha256:'.length);
  for (const shown of [whole, hex, hex.slice(0, 8), `sha256:${hex.slice(0, 20)}`])
    assert.equal(sameDigest(whole, shown), true, shown);
  for (const shown of ['', hex.slice(0, 7), hex.slice(1, 20), `${hex}0`, `x${hex}`, hex.toUpperCase()])
    assert.equal(sameDigest(whole, shown), false, shown);
  assert.equal(sameDigest(`${whole}00`, `${hex}00`), false, 'longer than a digest');
  assert.equal(sameDigest(`sha256:sha256:${hex}`, `sha256:sha256:${hex}`), false);
});

test('who has to sign in or show a second factor reads where', async () => {
  const strict = house.another({ isStrict: () => true });
  const { id } = await asked();
  const next = new RegExp(`https://gate\\.example\\.com/approvals/${id}`);
  const token = tokenFor(house.seen, 'approver-a', id);
  await assert.rejects(strict.voteByToken(id, token, 'approve'), { code: 'GH-APPROVAL-009', next });
  await assert.rejects(strict.vote(ballotOf(id, 'approver-a')), { code: 'GH-APPROVAL-061', next });
});

test('a vote by a personal link is said to have come on the form', async () => {
  const { id } = await asked();
  const { message } = await house.approvals.voteByToken(
    id,
    tokenFor(house.seen, 'approver-a', id),
    'approve',
    'ok',
  );
  assert.match(message, /^It was approved by Alex Approver \(“ok”\) on the form/);
});

test('attack: an account that voted already, for somebody else, fills no second seat and leaves no vote', async () => {
  const { id } = await asked({ quorum: 2 });
  await vote(id, 'approver-a');
  await house.database.pool.query('update votes set identity = $2 where approval_id = $1', [
    id,
    JSON.stringify({ channel: 'web', account: 'local', id: 'approver-b' }),
  ]);
  await assert.rejects(vote(id, 'approver-b'), { code: 'GH-APPROVAL-043' });
  assert.equal((await factsOf(id, 'approval.vote')).length, 1);
  assert.equal((await stateOf(house, id)).state, 'pending');
});

test('each refused vote is in the log, with its code', async () => {
  const lines: unknown[][] = [];
  const log = { ...house.deps.log, warn: (...line: unknown[]) => lines.push(line) } as never;
  const { id } = await asked();
  await assert.rejects(house.another({ log }).vote(ballotOf(id, 'stranger')));
  assert.deepEqual(lines, [
    [{ approval: id, principal: 'stranger', code: 'GH-APPROVAL-005' }, 'a vote was refused'],
  ]);
});

type StandingRules = ApprovalsDeps['policy']['standing'];
const offer = { maxHours: 8, destinations: { payee: 'ACME' }, maxCalls: 5 };

/** A gateway whose policy offers a standing grant, and what it was asked to check and to give. */
function standingHouse(more: Partial<StandingRules> = {}) {
  const checked: unknown[] = [];
  const offered: unknown[] = [];
  const given: Parameters<StandingRules['grant']>[] = [];
  const standing: StandingRules = {
    ...house.deps.policy.standing,
    offer: ({ tool, args }, quorum) => {
      offered.push([tool.name, args, quorum]);
      return offer;
    },
    check: (ask, most) => {
      checked.push([ask, most]);
      if (!most) throw new GatehouseError('GH-POLICY-050', 'No standing grant.', { status: 400 });
    },
    grant: async (...args) => {
      given.push(args);
    },
    ...more,
  };
  const gateway = house.another({ policy: { ...house.deps.policy, standing } });
  return { gateway, checked, offered, given };
}

const standing = { hours: 2, calls: 3 };
const like = (gateway: Approvals, id: string, principal: string, more: Partial<Ballot> = {}) =>
  gateway.vote(ballotOf(id, principal, { standing, ...more }));

test('a standing grant is of exactly what was approved, for its requester, by those who asked for it', async () => {
  const { gateway, checked, offered, given } = standingHouse();
  const { id, run } = await asked({ quorum: 2 });
  assert.doesNotMatch((await like(gateway, id, 'approver-a')).message, /allowed for now/);
  const { state, message } = await like(gateway, id, 'approver-b');
  assert.equal(state, 'approved');
  assert.match(message, /^It was approved by .* Calls like it are allowed for now\.$/);
  const args = { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };
  assert.equal(given.length, 1);
  const [, call, asks, most] = given[0] as (typeof given)[0];
  const { tool, ...rest } = call;
  assert.equal(tool.name, 'ledger.transfer');
  assert.deepEqual(rest, {
    run: { sessionKey: run.sessionKey, principal: 'requester' },
    args,
    approvalId: id,
    messageId: run.messageId,
    groups: ['approvers'],
    by: ['approver-a', 'approver-b'],
  });
  assert.deepEqual([asks, most], [[standing, standing], offer]);
  assert.deepEqual(checked[0], [standing, offer]);
  assert.deepEqual(offered[0], ['ledger.transfer', args, 2]);
  assert.deepEqual(
    (await factsOf(id, 'approval.vote')).map((facts) => facts.standing),
    [true, true],
  );
});

test('no standing grant comes of an approval that one of its voters did not want it with', async () => {
  const { gateway, given } = standingHouse();
  const { id } = await asked({ quorum: 2 });
  await like(gateway, id, 'approver-a');
  const { state, message } = await like(gateway, id, 'approver-b', { standing: null });
  assert.equal(state, 'approved');
  assert.doesNotMatch(message, /allowed for now/);
  assert.deepEqual(given, []);
});

test('none can be asked for with a rejection, a confirmation, or where no person would have it; no vote counts then', async () => {
  const { gateway, checked } = standingHouse();
  const rejected = await asked();
  const confirmed = await asked({ effect: 'confirm' });
  const automatic = await asked();
  await house.database.pool.query('update approvals set requester = null where id = $1', [automatic.id]);
  await rebind(house, automatic.id);
  const refused = { code: 'GH-POLICY-050' };
  await assert.rejects(like(gateway, rejected.id, 'approver-a', { verdict: 'reject' }), refused);
  await assert.rejects(like(gateway, confirmed.id, 'requester'), refused);
  await assert.rejects(like(gateway, automatic.id, 'approver-a'), refused);
  assert.deepEqual(
    checked,
    Array.from({ length: 3 }, () => [standing, null]),
  );
  for (const { id } of [rejected, confirmed, automatic])
    assert.deepEqual(await factsOf(id, 'approval.vote'), []);
});

test('a policy that offers no standing grant gives none; one that fails refuses the vote and ends nothing', async () => {
  const without = standingHouse({ offer: () => null, check: () => undefined });
  const first = await asked();
  assert.equal((await like(without.gateway, first.id, 'approver-a')).state, 'approved');
  assert.deepEqual(without.given, []);
  const broken = standingHouse({
    check: () => {
      throw new Error('the limits cannot be read');
    },
  });
  const second = await asked();
  await assert.rejects(like(broken.gateway, second.id, 'approver-a'), /cannot be read/);
  assert.equal((await stateOf(house, second.id)).state, 'pending');
});

test('a voter who left the group since votes for nothing, and is no part of who gave a standing grant', async () => {
  const { gateway, given } = standingHouse();
  await house.setPeople({ people: [...everybody, person('approver-c', 'Chris', ['approvers'])] });
  const { id } = await asked({ quorum: 2 });
  try {
    await like(gateway, id, 'approver-c');
    await house.setPeople({ people: everybody });
    await like(gateway, id, 'approver-a');
    assert.equal((await like(gateway, id, 'approver-b')).state, 'approved');
  } finally {
    await house.setPeople({ people: everybody });
  }
  assert.deepEqual(given[0]?.[1].by, ['approver-a', 'approver-b']);
});
