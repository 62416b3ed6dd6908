import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Approvals, ApprovalsDeps, Ballot } from '../../../gateway/approvals/index.ts';
import { GatehouseError } from '../../../gateway/config/index.ts';
import type { RunContext } from '../../../gateway/policy/index.ts';
import { gateOf, openHouse, slack, stateOf, tokenFor, until, type House } from './support.ts';

let house: House;
let approvals: Approvals;
before(async () => {
  house = await openHouse();
  ({ approvals } = house);
});
after(() => house.close());
beforeEach(async () => {
  for (const list of Object.values(house.seen)) list.length = 0;
  house.policy.refusal = null;
  house.unreachable.clear();
  // What earlier tests left is nothing for the gateways that a test starts.
  await house.database.pool.query(
    `update approvals set delivered_at = now(), state = case when state = 'pending' then 'cancelled' else state end`,
  );
});

type Decided = Awaited<ReturnType<House['decision']>>;

/** Calls of one message that its requester has to confirm. */
async function document(count: number, visibility = 'dm'): Promise<Decided[]> {
  const calls: Decided[] = [];
  let run: RunContext | undefined;
  for (let number = 1; number <= count; number += 1) {
    const payee = `Payee ${number}`;
    const call = await house.decision({
      run,
      visibility,
      effect: 'confirm',
      args: { amount: `${number}.00`, currency: 'EUR', payee, reference: `task ${number}` },
      provenance: [
        { at: '/payee', arg: 'payee', kind: 'redirects', origin: 'tool', source: null },
        { at: '/reference', arg: 'reference', kind: 'content', origin: 'tool', source: null },
      ] as never,
    });
    ({ run } = call);
    calls.push(call);
  }
  return calls;
}

async function asked(count: number, visibility?: string) {
  const calls = await document(count, visibility);
  const gate = gateOf(calls);
  await approvals.register(calls[0]?.run as RunContext, gate);
  return { calls, gate, ids: calls.map((call) => call.id), id: calls[0]?.id as string };
}

const states = async (ids: readonly string[]): Promise<string[]> =>
  Promise.all(ids.map(async (id) => (await stateOf(house, id)).state));
const all = <Value>(count: number, value: Value): Value[] => Array.from({ length: count }, () => value);
const tally = async (ids: readonly string[], table: 'votes' | 'grants' | 'outcomes'): Promise<number> => {
  const from = {
    votes: 'votes where approval_id = any($1)',
    grants: 'grants where decision_id = any($1)',
    outcomes: `receipts where decision_id = any($1) and kind = 'approval.outcome'`,
  }[table];
  return (await house.database.pool.query(`select 1 from ${from}`, [ids])).rowCount ?? 0;
};
const vote = async (id: string, more: Partial<Ballot> = {}) =>
  approvals.vote({
    approvalId: id,
    principal: 'requester',
    verdict: 'approve',
    channel: 'web',
    shownDigest: (await approvals.card(id)).binding,
    ...more,
  });
const click = (value: string, principal = 'requester') =>
  approvals.click({
    id: 'c',
    value,
    principal,
    channel: 'slack',
    identity: slack(principal),
    messageId: 'm',
  });

test('a document of eight calls is one card that lists each with its facts and sources, and has one button', async () => {
  const { ids, id } = await asked(8);
  assert.equal(house.seen.replies.length, 1);
  const [reply] = house.seen.replies;
  assert.equal(reply?.buttons.length, 2);
  assert.match(reply.text, /^Please confirm: all 8 calls\./);
  for (let number = 1; number <= 8; number += 1) {
    assert.ok(reply.text.includes(`${number}. Payee “Payee ${number}”: somewhere else than the request.`));
    assert.ok(reply.text.includes(`task ${number}`), 'no text is confirmed unseen');
  }
  const card = await approvals.card(ids[4] as string, 'requester');
  assert.deepEqual([card.id, card.calls, card.effect, card.mayVote], [id, 8, 'all 8 calls', true]);
  assert.deepEqual(
    card.facts.filter(({ label }) => /^Call/.test(label)).map(({ value }) => value),
    Array.from(
      { length: 8 },
      (_, index) => `pay ${index + 1}.00 EUR to Payee ${index + 1} (task ${index + 1})`,
    ),
  );
  assert.ok(card.facts.some(({ label, value }) => label === '3. Amount' && value === '3.00 EUR'));
  assert.deepEqual(
    (await approvals.pendingFor('requester')).map((open) => open.id),
    [id],
    'the inbox has one entry',
  );
  assert.equal(card.mayEdit, false);
});

test('one click confirms all of them, each with one outcome and one grant; a replay changes nothing', async () => {
  const { ids } = await asked(8);
  const [confirm] = house.seen.replies[0]?.buttons ?? [];
  assert.ok(confirm && Buffer.byteLength(confirm) <= 64);
  assert.match((await click(confirm))?.text ?? '', /approved by Robin/);
  assert.deepEqual(await states(ids), all(8, 'approved'));
  assert.match((await click(confirm))?.text ?? '', /approved by Robin/);
  assert.match((await click(confirm.replace('approve', 'reject')))?.text ?? '', /already approved/);
  assert.deepEqual(
    [await tally(ids, 'votes'), await tally(ids, 'grants'), await tally(ids, 'outcomes')],
    [8, 8, 8],
  );
  assert.equal(house.seen.replies.length, 2, 'asked, and told once');
});

test('one click rejects all of them', async () => {
  const { ids } = await asked(3);
  await click(house.seen.replies[0]?.buttons[1] ?? '');
  assert.deepEqual(await states(ids), all(3, 'rejected'));
  assert.equal(await tally(ids, 'grants'), 0);
  const { rows } = await house.database.pool.query<{ reason: string }>(
    'select distinct reason from approvals where id = any($1)',
    [ids],
  );
  assert.deepEqual(rows, [{ reason: 'It was not confirmed.' }]);
});

test('another person confirms none of them, by button, page or a form', async () => {
  const { ids, id } = await asked(3);
  const [confirm] = house.seen.replies[0]?.buttons ?? [];
  assert.match((await click(confirm ?? '', 'approver-a'))?.text ?? '', /not among the people/);
  await assert.rejects(vote(ids[2] as string, { principal: 'approver-a' }), { code: 'GH-APPROVAL-005' });
  await assert.rejects(approvals.card(id, 'approver-a'), { code: 'GH-APPROVAL-001' });
  assert.equal(await tally(ids, 'votes'), 0);
});

test('no call of a card is confirmed by itself, nor without a word about what was shown', async () => {
  const { ids } = await asked(3);
  const [, second = ''] = ids;
  const { rows } = await house.database.pool.query<{ binding: string }>(
    'select binding from approvals where id = $1',
    [second],
  );
  await assert.rejects(vote(second, { shownDigest: rows[0]?.binding }), { code: 'GH-APPROVAL-006' });
  await assert.rejects(vote(second, { shownDigest: undefined }), { code: 'GH-APPROVAL-006' });
  assert.equal(await tally(ids, 'votes'), 0);
});

test("the form's token needs the set that the form showed", async () => {
  const { ids, id } = await asked(3, 'private');
  const token = tokenFor(house.seen, 'requester', id);
  await assert.rejects(approvals.voteByToken(id, token, 'approve'), { code: 'GH-APPROVAL-006' });
  const { binding } = await approvals.card(id);
  assert.equal((await approvals.voteByToken(id, token, 'approve', null, binding)).state, 'approved');
  assert.deepEqual(await states(ids), all(3, 'approved'));
  assert.match(
    house.seen.notices.at(-1)?.text ?? '',
    /3 calls together\.\nIt was approved/,
    'the card is closed',
  );
});

test('a call more or less makes an older button count for nothing, and the card is shown anew', async () => {
  const { calls, gate, ids, id } = await asked(3);
  const [older] = house.seen.replies[0]?.buttons ?? [];
  const run = calls[0]?.run as RunContext;
  const more = await house.decision({ run, effect: 'confirm' });
  const added = gateOf([...calls, more], gate.executionId);
  await approvals.register(run, added);
  assert.match((await click(older ?? ''))?.text ?? '', /not what this request is about/);
  const second = house.seen.replies.findLast((reply) => reply.buttons.length > 0);
  assert.match(second?.text ?? '', /all 4 calls/);
  await approvals.register(run, gateOf(calls.slice(0, 2), gate.executionId));
  for (const button of [older, second?.buttons[0]])
    assert.match((await click(button ?? ''))?.text ?? '', /not what this request is about/);
  assert.equal(await tally([...ids, more.id], 'votes'), 0);
  const [confirm] = house.seen.replies.findLast((reply) => reply.buttons.length > 0)?.buttons ?? [];
  await click(confirm ?? '');
  assert.deepEqual(await states(ids), ['approved', 'approved', 'superseded']);
  assert.equal((await approvals.card(id)).calls, 2);
});

test('asked again for the same calls, nobody is asked twice', async () => {
  const { calls, gate } = await asked(3);
  await approvals.register(calls[0]?.run as RunContext, gate);
  assert.equal(house.seen.replies.length, 1);
});

test('arguments that changed after the card was shown end all of it, and nothing runs', async () => {
  const { ids } = await asked(3);
  const [confirm] = house.seen.replies[0]?.buttons ?? [];
  await house.database.pool.query(
    `update decisions set args = jsonb_set(args, '{payee}', '"Mallory"') where id = $1`,
    [ids[1]],
  );
  assert.match((await click(confirm ?? ''))?.text ?? '', /not what people were asked about/);
  assert.deepEqual(await states(ids), all(3, 'cancelled'));
  assert.deepEqual([await tally(ids, 'votes'), await tally(ids, 'grants')], [0, 0]);
});

test('a binding that changed after the card was shown counts for nothing', async () => {
  const { ids } = await asked(3);
  const [confirm] = house.seen.replies[0]?.buttons ?? [];
  await house.database.pool.query(
    `update approvals set binding = 'sha256:' || repeat('0', 64) where id = $1`,
    [ids[2]],
  );
  assert.match((await click(confirm ?? ''))?.text ?? '', /not what this request is about/);
  assert.equal(await tally(ids, 'votes'), 0);
});

test('rules that changed for one of them grant none', async () => {
  const { ids } = await asked(3);
  const issueGrant: ApprovalsDeps['policy']['issueGrant'] = async (tx, id) => {
    if (id === ids[2]) throw new GatehouseError('GH-GRANT-006', 'The rules changed.', { status: 409 });
    await tx.query(
      `insert into grants (id, decision_id, message_id, session_key, tool, digest, policy_version, epoch, expires_at)
       select 'g-' || id, id, message_id, session_key, tool, digest, policy_version, 1, now() + interval '5 min'
       from decisions where id = $1`,
      [id],
    );
    return id;
  };
  const strange = house.another({ policy: { issueGrant } as ApprovalsDeps['policy'] });
  const { binding } = await approvals.card(ids[0] as string);
  await assert.rejects(
    strange.vote({
      approvalId: ids[0] as string,
      principal: 'requester',
      verdict: 'approve',
      channel: 'web',
      shownDigest: binding,
    }),
    { code: 'GH-GRANT-006' },
  );
  assert.deepEqual(await states(ids), all(3, 'cancelled'));
  assert.equal(await tally(ids, 'grants'), 0);
});

test('one late call lets none be counted, and the card expires as one', async () => {
  const { ids, id } = await asked(3);
  const [confirm] = house.seen.replies[0]?.buttons ?? [];
  const { binding } = await approvals.card(id);
  await house.database.pool.query(
    `update approvals set deadline = clock_timestamp() - interval '1 s' where id = $1`,
    [ids[2]],
  );
  await assert.rejects(vote(id, { shownDigest: binding }), { code: 'GH-APPROVAL-010' });
  assert.deepEqual(await states(ids), all(3, 'expired'));
  assert.match((await click(confirm ?? ''))?.text ?? '', /closed because its deadline passed/);
  assert.deepEqual([await tally(ids, 'votes'), await tally(ids, 'outcomes')], [0, 3]);
});

test('a click and the deadline at once give the same one outcome to all of them', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { ids } = await asked(4);
    const [confirm] = house.seen.replies.findLast((reply) => reply.buttons.length > 0)?.buttons ?? [];
    await house.database.pool.query(
      `update approvals set deadline = clock_timestamp() + interval '${round * 8} ms' where id = $1`,
      [ids[0]],
    );
    const others = [house.another(), house.another()];
    await Promise.all(others.map((gateway) => gateway.start()));
    await Promise.all([
      click(confirm ?? ''),
      click(confirm ?? ''),
      click((confirm ?? '').replace('approve', 'reject')),
    ]);
    await until(async () => !(await states(ids)).includes('pending'));
    await Promise.all(others.map((gateway) => gateway.stop()));
    assert.equal(new Set(await states(ids)).size, 1);
    assert.equal(await tally(ids, 'outcomes'), 4);
    assert.equal(await tally(ids, 'grants'), (await states(ids))[0] === 'approved' ? 4 : 0);
  }
});

test('clicks on different calls of a card at once do not wait for each other for ever', async () => {
  const { ids, id } = await asked(6);
  const { binding } = await approvals.card(id);
  const settled = await Promise.all(
    [...ids, ...ids.toReversed()].map((one) => vote(one, { shownDigest: binding })),
  );
  assert.ok(settled.every(({ state }) => state === 'approved'));
  assert.equal(await tally(ids, 'votes'), 6);
});

test('taken back by the requester, all of them are', async () => {
  const { ids } = await asked(3);
  await approvals.cancel(ids[1] as string, 'requester');
  assert.deepEqual(await states(ids), all(3, 'cancelled'));
});

test('what needs a second factor, approval by others, or was edited stands on a card of its own', async () => {
  const [first, second] = await document(2);
  const run = first?.run as RunContext;
  const strict = await house.decision({ run, tool: 'report.publish', args: { url: 'u' }, effect: 'confirm' });
  const others = await house.decision({ run, effect: 'approve' });
  const gateway = house.another({
    isStrict: (tool) => tool === 'report.publish',
    factors: { holds: () => Promise.resolve(false) },
  });
  await gateway.register(run, gateOf([first, second, strict, others] as Decided[]));
  const { cards } = await gateway.listOpen();
  assert.deepEqual(cards.map(({ calls }) => calls).sort(), [1, 1, 2]);
  const shared = house.seen.notices.filter((notice) => /2 calls together/.test(notice.text));
  assert.deepEqual(
    shared.map((notice) => [notice.principal, notice.buttons.length]),
    [['requester', 2]],
    'with others to ask, the card comes as a message of its own',
  );
  await assert.rejects(
    gateway.vote({ approvalId: others.id, principal: 'requester', verdict: 'approve', channel: 'web' }),
    { code: 'GH-APPROVAL-003' },
  );
});

test('a card lists twenty calls at most', async () => {
  await asked(21);
  assert.deepEqual((await approvals.listOpen()).cards.map(({ calls }) => calls).sort(), [1, 20]);
});

test('of one session no more cards wait than may, whichever gates ask', async () => {
  const gateway = house.another({ mostAsks: () => 3 });
  const calls = await document(9);
  const run = calls[0]?.run as RunContext;
  await gateway.register(run, gateOf(calls.slice(0, 5)));
  for (const call of calls.slice(5, 7)) await gateway.register(run, gateOf([call]));
  assert.equal((await gateway.listOpen()).total, 3);
  const refused = await gateway.register(run, gateOf(calls.slice(7)));
  assert.deepEqual(
    refused.approvals.map(({ outcome }) => [outcome?.state, /too_many_asks/.test(outcome?.reason ?? '')]),
    all(2, ['cancelled', true]),
  );
  assert.equal((await gateway.listOpen()).total, 3);
  assert.equal(
    await tally(
      calls.map((call) => call.id),
      'grants',
    ),
    0,
  );
});

test('gates that ask at once are held to it too', async () => {
  const gateway = house.another({ mostAsks: () => 3 });
  const calls = await document(8);
  const run = calls[0]?.run as RunContext;
  await Promise.all(calls.map((call) => gateway.register(run, gateOf([call]))));
  assert.equal((await gateway.listOpen()).total, 3);
});

test('a requester who cannot be reached ends all of them at once', async () => {
  house.unreachable.add('requester');
  const { ids } = await asked(3, 'private');
  assert.deepEqual(await states(ids), all(3, 'undeliverable'));
});
