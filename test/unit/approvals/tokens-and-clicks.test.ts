import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { holderOf, personalLink } from '../../../gateway/approvals/tokens.ts';
import type { Identity } from '../../../gateway/sessions/index.ts';
import { gateOf, openHouse, slack, stateOf, tokenFor, type DecisionOptions, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(() => {
  for (const list of Object.values(house.seen)) list.length = 0;
  house.unreachable.clear();
});

async function asked(options?: DecisionOptions) {
  const decision = await house.decision(options);
  await house.approvals.register(decision.run, gateOf([decision]));
  return decision;
}

const votes = async (id: string): Promise<number> =>
  (await house.database.pool.query('select 1 from votes where approval_id = $1', [id])).rowCount ?? 0;
const receipts = async (id: string, kind: string): Promise<number> =>
  (await house.database.pool.query('select 1 from receipts where decision_id = $1 and kind = $2', [id, kind]))
    .rowCount ?? 0;

test('ten clicks at once over several channels give one outcome and one grant', async () => {
  const { id } = await asked();
  const prefix = house.seen.notices.at(-1)?.buttons[0]?.slice(-8);
  const settled = await Promise.allSettled(
    Array.from({ length: 10 }, (_unused, index) =>
      index % 2 === 0
        ? house.approvals.vote({
            approvalId: id,
            principal: 'approver-a',
            verdict: 'approve',
            channel: 'web',
          })
        : house.approvals.click({
            id: `c${index}`,
            value: `reject:${id}:${prefix}`,
            principal: 'approver-b',
            channel: 'slack',
            identity: slack('approver-b'),
            messageId: 'm',
          }),
    ),
  );
  assert.ok(settled.length === 10);
  const { state } = await stateOf(house, id);
  assert.ok(state === 'approved' || state === 'rejected');
  assert.equal(house.seen.grants.length, state === 'approved' ? 1 : 0);
  assert.equal(await receipts(id, 'approval.outcome'), 1);
  assert.equal(await votes(id), 1);
});

test('the personal token of a link votes as its holder; only its hash is stored', async () => {
  const { id } = await asked();
  const token = tokenFor(house.seen, 'approver-a', id);
  assert.match(token, /^vote_[\w-]{43}$/);
  const { rows } = await house.database.pool.query<{ text: string }>(
    'select t::text as text from approval_tokens t',
  );
  const hex = Buffer.from(token).toString('hex');
  assert.ok(rows.every((row) => !row.text.includes(token) && !row.text.includes(hex)));
  const result = await house.approvals.voteByToken(id, token, 'approve', 'fine');
  assert.equal(result.state, 'approved');
  assert.equal((await house.approvals.card(id)).votes[0]?.principal, 'approver-a');
});

test("n8n cannot vote: no token, a forged one and another approval's are refused", async () => {
  const first = await asked();
  const other = await asked();
  for (const token of ['', 'vote_forged', tokenFor(house.seen, 'approver-a', other.id)]) {
    await assert.rejects(house.approvals.voteByToken(first.id, token, 'approve'), {
      code: 'GH-APPROVAL-002',
      status: 403,
    });
  }
  assert.equal(await votes(first.id), 0);
});

test('a button that shows another digest than the decision has does not count', async () => {
  const { id } = await asked();
  const answer = await house.approvals.click({
    id: 'c',
    value: `approve:${id}:00000000`,
    principal: 'approver-a',
    channel: 'slack',
    messageId: 'm',
    identity: slack('approver-a'),
  });
  assert.match(answer?.text ?? '', /not what this request is about/);
  assert.equal(await votes(id), 0);
});

test("a button of our own fits Telegram's 64 bytes and carries its own approval", async () => {
  const { id } = await asked();
  const [approve] = house.seen.notices[0]?.buttons ?? [];
  assert.ok(approve && Buffer.byteLength(approve) <= 64);
  assert.ok(approve.startsWith(`approve:${id}:`));
  const by = { principal: 'approver-b', channel: 'slack', identity: slack('approver-b') };
  const click = { id: 'c', value: approve, messageId: 'm', ...by };
  assert.match((await house.approvals.click(click))?.text ?? '', /approved by Blake/);
  // The channel may hand the same click in again after a crash.
  assert.match((await house.approvals.click(click))?.text ?? '', /approved by Blake/);
  assert.equal(await votes(id), 1);
});

test('a click that is no approval is left to others', async () => {
  assert.equal(
    await house.approvals.click({
      id: 'c',
      value: 'menu:1',
      principal: 'approver-a',
      channel: 'slack',
      messageId: 'm',
    }),
    null,
  );
});

test('a confirmation in a group conversation shows no personal link there', async () => {
  await asked({ effect: 'confirm', visibility: 'private' });
  assert.equal(house.seen.replies[0]?.link, undefined);
  assert.equal(house.seen.replies[0]?.buttons.length, 2);
  assert.equal(house.seen.notices[0]?.principal, 'requester');
});

test('newer links end older ones of the same account to the same request, and no others', async () => {
  const [one, other] = [await asked(), await asked()];
  const { pool } = house.database;
  const link = async (id: string, principal: string, identity: Identity) => {
    const url = await personalLink(house.deps, pool, { id, resumePath: '/w' }, { principal, identity });
    assert.ok(url.startsWith('https://gate.example.com/w#vote_'));
    return url.slice(url.indexOf('#') + 1);
  };
  const account = slack('approver-a');
  const first = await link(one.id, 'approver-a', account);
  const works = async () => (await holderOf(pool, one.id, first)) !== null;
  for (let turn = 0; turn < 5; turn += 1) {
    await link(other.id, 'approver-a', account);
    await link(one.id, 'approver-b', account);
    await link(one.id, 'approver-a', { ...account, account: 'T2' });
  }
  assert.deepEqual(await holderOf(pool, one.id, first), { principal: 'approver-a', identity: account });
  for (let turn = 0; turn < 3; turn += 1) await link(one.id, 'approver-a', account);
  assert.equal(await works(), true);
  await link(one.id, 'approver-a', account);
  assert.equal(await works(), false);
});
