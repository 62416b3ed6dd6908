import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import type { Inbox, InboxWish } from '../../../gateway/approvals/index.ts';
import { maySee, seatsOf } from '../../../gateway/approvals/eligible.ts';
import { lists, parametersOf, scopeOf } from '../../../gateway/approvals/scope.ts';
import { findApprovals } from '../../../gateway/approvals/store.ts';
import { everybody, gateOf, openHouse, person, slack, type DecisionOptions, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(async () => {
  await house.database.pool.query('delete from decisions');
  await house.setPeople({ people: everybody });
  await ripen();
});

/** Lets a day go by for every account. */
const ripen = () =>
  house.database.pool.query('update identity_links set votes_from = since where votes_from > since');

async function asked(options?: DecisionOptions): Promise<string> {
  const decision = await house.decision(options);
  await house.approvals.register(decision.run, gateOf([decision]));
  return decision.id;
}

const read = (viewer: string, wish: Partial<InboxWish> = {}): Promise<Inbox> =>
  house.approvals.inbox(viewer, { list: 'needed', group: 'none', ...wish });

const ids = (inbox: Inbox): string[] => inbox.groups.flatMap(({ items }) => items.map(({ card }) => card.id));

const vote = (approvalId: string, principal: string, verdict: 'approve' | 'reject' = 'approve') =>
  house.approvals.vote({ approvalId, principal, verdict, comment: 'so', channel: 'web' });

const newsletter: DecisionOptions = { tool: 'newsletter.send', args: { subject: 'News', body: 'None.' } };

test('each list holds what it says, and a vote moves a request from one to the next', async () => {
  const id = await asked({ quorum: 2 });
  assert.deepEqual(ids(await read('approver-a')), [id]);
  assert.deepEqual(ids(await read('requester', { list: 'asked' })), [id]);
  assert.deepEqual(ids(await read('requester')), []);
  await vote(id, 'approver-a');
  assert.deepEqual(ids(await read('approver-a')), []);
  assert.equal((await read('approver-a')).needed, 0);
  assert.deepEqual(ids(await read('approver-a', { list: 'open' })), [id]);
  await vote(id, 'approver-b');
  assert.deepEqual(ids(await read('approver-a', { list: 'open' })), []);
  for (const list of ['voted', 'ended'] as const)
    assert.deepEqual(ids(await read('approver-a', { list })), [id]);
  assert.deepEqual(ids(await read('requester', { list: 'asked' })), [id]);
  assert.deepEqual(ids(await read('requester', { list: 'voted' })), []);
});

test('a confirmation stands with its requester alone', async () => {
  const id = await asked({ effect: 'confirm' });
  assert.deepEqual(ids(await read('requester')), [id]);
  for (const list of ['needed', 'open', 'ended'] as const)
    assert.deepEqual(ids(await read('approver-a', { list })), []);
});

test('calls that share a card are one entry, decided as one', async () => {
  const decisions = [];
  let run;
  for (let count = 0; count < 3; count += 1) {
    const decision = await house.decision({ effect: 'confirm', ...(run ? { run } : {}) });
    run = decision.run;
    decisions.push(decision);
  }
  assert.ok(run);
  await house.approvals.register(run, gateOf(decisions));
  for (const list of ['needed', 'open', 'asked'] as const) {
    const inbox = await read('requester', { list });
    assert.deepEqual(ids(inbox), [decisions[0]?.id], list);
    assert.equal(inbox.groups[0]?.items[0].card.calls, 3);
  }
  assert.equal((await read('requester')).needed, 1);
  assert.deepEqual(
    (await house.approvals.pendingFor('requester')).map((card) => card.id),
    [decisions[0]?.id],
  );
});

test('filters narrow by tool, class, requester and rule, and the choices count the whole list', async () => {
  const [pay, mail] = [await asked(), await asked(newsletter)];
  assert.deepEqual(ids(await read('approver-a', { tool: 'ledger.transfer' })), [pay]);
  assert.deepEqual(ids(await read('approver-a', { risk: 'outbound' })), [mail]);
  assert.deepEqual(ids(await read('approver-a', { requester: 'requester' })), [pay, mail]);
  assert.deepEqual(ids(await read('approver-a', { requester: '' })), []);
  assert.deepEqual(ids(await read('approver-a', { reason: 'payment_needs_approval' })), [pay, mail]);
  assert.deepEqual(ids(await read('approver-a', { reason: `x' or true --` })), []);
  const { choices } = await read('approver-a', { tool: 'ledger.transfer' });
  assert.deepEqual(
    choices.tools.map(({ value, risk, count }) => [value, risk, count]),
    [
      ['ledger.transfer', 'payment', 1],
      ['newsletter.send', 'outbound', 1],
    ],
  );
  assert.deepEqual(choices.requesters, [{ value: 'requester', label: 'Robin Requester', count: 2 }]);
});

test('a search finds every word in who asks, the tool or the first line, and looks at nothing else', async () => {
  const [pay, mail] = [
    await asked({
      args: { amount: '1250.00', currency: 'EUR', payee: 'Bäcker_100%', reference: 'for the attic' },
    }),
    await asked({ tool: 'newsletter.send', args: { subject: 'Autumn', body: 'We open the cellar.' } }),
  ];
  const found = async (find: string): Promise<string[]> => ids(await read('approver-a', { find }));
  for (const word of [
    'BÄCKER',
    '1,250.00',
    '1250',
    'eur',
    'ledger.transfer',
    'robin bäcker',
    'attic',
    '_100%',
  ])
    assert.deepEqual(await found(word), [pay], word);
  assert.deepEqual(await found('robin'), [pay, mail]);
  assert.deepEqual(await found('autumn newsletter'), [mail]);
  for (const word of ['cellar', 'open', 'robin autumn bäcker', '%%', 'b_cker', '\\', 'null'])
    assert.deepEqual(await found(word), [], word);
  const { choices, needed } = await read('approver-a', { find: 'autumn' });
  assert.deepEqual([choices.tools.length, needed], [2, 2]);
  await house.database.pool.query('update decisions set args = null');
  assert.deepEqual([await found('autumn'), await found('newsletter.send')], [[], [mail]]);
});

test('a card of several calls is found by any of them', async () => {
  const first = await house.decision({ effect: 'confirm' });
  const args = { amount: '7.00', currency: 'EUR', payee: 'Second Ltd', reference: 'x' };
  const second = await house.decision({ effect: 'confirm', run: first.run, args });
  await house.approvals.register(first.run, gateOf([first, second]));
  assert.deepEqual(ids(await read('requester', { find: 'second' })), [first.id]);
});

test('pages hold every request once, soonest deadline first, also while some of them end', async () => {
  const all: string[] = [];
  for (let count = 0; count < 45; count += 1) all.push(await asked());
  const found: string[] = [];
  let after: string | null | undefined;
  for (let page = 0; after !== null; page += 1) {
    const inbox: Inbox = await read('approver-a', after ? { after } : {});
    found.push(...ids(inbox));
    after = inbox.next;
    if (page === 0) await vote(all[3] ?? '', 'approver-b', 'reject');
    assert.ok(page < 5);
  }
  assert.deepEqual(found, all);
});

test('like requests are put together, with their number and the first of them', async () => {
  for (let count = 0; count < 7; count += 1) await asked();
  await asked(newsletter);
  const byPerson = await read('approver-a', { group: 'requester' });
  assert.deepEqual(
    byPerson.groups.map(({ size, items }) => [size, items.length, items[0].card.tool]),
    [
      [7, 4, 'ledger.transfer'],
      [1, 1, 'newsletter.send'],
    ],
  );
  const byReason = await read('approver-a', { group: 'reason' });
  assert.deepEqual(
    byReason.groups.map(({ size }) => size),
    [7, 1],
  );
});

test('nothing that somebody outside asks for shows them anything', async () => {
  const open = await asked();
  const ended = await asked();
  await vote(ended, 'approver-a', 'reject');
  const wishes: Partial<InboxWish>[] = [
    {},
    { tool: 'ledger.transfer' },
    { risk: 'payment' },
    { requester: 'requester' },
    { reason: 'payment_needs_approval' },
    { group: 'requester' },
    { group: 'reason' },
    { find: 'acme' },
    { find: `%') or true --` },
    { after: `0.${open}` },
    { after: `99999999999999999.${open}` },
    { after: `1.x' or true --` },
    { after: '999999999999999999999999.a' },
  ];
  for (const list of ['needed', 'open', 'asked', 'voted', 'ended'] as const) {
    for (const wish of wishes) {
      const inbox = await read('stranger', { list, ...wish });
      const { groups, next, needed, choices } = inbox;
      assert.deepEqual(
        [groups, next, needed, choices],
        [[], null, 0, { tools: [], requesters: [], reasons: [] }],
        JSON.stringify({ list, ...wish }),
      );
    }
  }
  assert.deepEqual(ids(await read('nobody-of-that-name', { list: 'open' })), []);
  await assert.rejects(house.approvals.card(open, 'stranger'), { code: 'GH-APPROVAL-001' });
});

test('somebody who leaves the group sees nothing more of it, but still what they voted on', async () => {
  const [voted, other] = [await asked({ quorum: 2 }), await asked()];
  await vote(voted, 'approver-a');
  await house.setPeople({
    people: everybody.map((one) => (one.principal === 'approver-a' ? person('approver-a', 'Alex') : one)),
  });
  assert.deepEqual(ids(await read('approver-a', { list: 'open' })), [voted]);
  assert.deepEqual(ids(await read('approver-b', { list: 'open' })), [voted, other]);
});

test('SQL and the code that counts votes agree on who decides, over any people and stand-ins', async () => {
  const names = ['ann', 'bob', 'cy', 'dee'];
  const groups = ['red', 'blue'];
  const some = <Value>(values: Value[]): fc.Arbitrary<Value[]> => fc.subarray(values);
  const world = fc.record({
    groups: fc.tuple(...names.map(() => some(groups))),
    standIns: fc.uniqueArray(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)), {
      maxLength: 3,
      selector: ([away]) => away,
    }),
    kind: fc.constantFrom('confirm', 'approve'),
    asks: some(groups),
    requester: fc.constantFrom(null, ...names),
    proposers: some(names),
  });
  const id = await asked();
  await fc.assert(
    fc.asyncProperty(world, async ({ groups: of, standIns, kind, asks, requester, proposers }) => {
      const people = {
        ...house.people,
        get: (principal: string) => byName.get(principal),
        byGroups: (wanted: readonly string[]) =>
          [...byName.values()].filter((one) => one.groups.some((group) => wanted.includes(group))),
        standIns: () => standIns.filter(([away, by]) => away !== by).map(([away, by]) => ({ for: away, by })),
      } as unknown as House['people'];
      const byName = new Map(
        names.map((name, index) => [name, person(name, name, of[index])]),
      ) as unknown as Map<string, NonNullable<ReturnType<House['people']['get']>>>;
      await house.database.pool.query(
        'update approvals set kind = $2, groups = $3, requester = $4, proposers = $5 where id = $1',
        [id, kind, asks, requester, proposers],
      );
      const [row] = await findApprovals(house.database.pool, 'a.id = $1', [id]);
      assert.ok(row);
      for (const name of names) {
        const parameters = parametersOf(scopeOf({ people }, name, new Date()));
        const found = await findApprovals(house.database.pool, lists.needed, parameters);
        assert.equal(found.length === 1, seatsOf(people, row).has(name), name);
        for (const listed of await findApprovals(house.database.pool, lists.open, parameters))
          assert.ok(maySee(people, listed, name) || proposers.includes(name), name);
      }
    }),
    { numRuns: 150 },
  );
});

test('a card says that an account is too new to vote, as the vote itself would', async () => {
  const id = await asked();
  await house.database.pool.query(
    `update identity_links set votes_from = clock_timestamp() + interval '1 h' where principal = 'approver-a' and channel = 'web'`,
  );
  const card = await house.approvals.card(id, 'approver-a');
  assert.deepEqual([card.mayVote, card.mayApprove, card.formUrl], [false, false, null]);
  assert.match(card.whyNot ?? '', /linked to you lately and may vote from/);
  assert.deepEqual(await house.approvals.pendingFor('approver-a'), []);
  await assert.rejects(vote(id, 'approver-a'), { code: 'GH-APPROVAL-042' });
  await ripen();
  assert.equal((await house.approvals.card(id, 'approver-a')).mayApprove, true);
});

test('a card says that the seat is taken, and still lets its holder reject', async () => {
  const today = new Date().toISOString().slice(0, 10);
  await house.setPeople({
    people: [...everybody, person('stand-in', 'Sky')],
    standIns: [{ for: 'approver-a', by: 'stand-in', from: today, until: today }],
  });
  await ripen();
  const id = await asked({ quorum: 2 });
  await vote(id, 'stand-in');
  const card = await house.approvals.card(id, 'approver-a');
  assert.deepEqual([card.mayVote, card.mayApprove], [true, false]);
  assert.equal(card.whyNot, 'The vote of Alex Approver is in already.');
  assert.ok(!(await house.approvals.pendingFor('approver-a')).some((one) => one.id === id));
  await assert.rejects(vote(id, 'approver-a'), { code: 'GH-APPROVAL-044' });
  // A vote that counts no more gives the seat back.
  await house.setPeople({ people: everybody });
  assert.equal((await house.approvals.card(id, 'approver-a')).mayApprove, true);
  await vote(id, 'approver-a', 'reject');
  assert.equal((await house.approvals.card(id, 'approver-a')).state, 'rejected');
});

test('an account that voted already for somebody else decides no more', async () => {
  const id = await asked({ quorum: 2 });
  await house.approvals.vote({
    approvalId: id,
    principal: 'approver-b',
    verdict: 'approve',
    channel: 'slack',
    identity: slack('approver-b'),
  });
  await house.database.pool.query('update votes set identity = $2 where approval_id = $1', [
    id,
    JSON.stringify({ channel: 'web', account: 'local', id: 'approver-a' }),
  ]);
  const card = await house.approvals.card(id, 'approver-a');
  assert.deepEqual([card.mayVote, card.mayApprove], [false, false]);
  assert.match(card.whyNot ?? '', /counts once/);
});

test('the report counts who decided what and how fast, and names rules that were always approved', async () => {
  const minutes = (id: string, count: number): Promise<unknown> =>
    house.database.pool.query(
      `update approvals set created_at = now() - $2 * interval '1 min' where id = $1`,
      [id, count],
    );
  for (let count = 0; count < 5; count += 1) {
    const id = await asked(newsletter);
    await minutes(id, 10);
    await vote(id, 'approver-a');
  }
  for (let count = 0; count < 6; count += 1) {
    const id = await asked();
    await vote(id, 'approver-b', count === 0 ? 'reject' : 'approve');
  }
  const old = await asked();
  await vote(old, 'approver-b');
  await minutes(old, 60 * 24 * 8);
  const report = await house.approvals.report(7);
  const { totals } = report;
  assert.deepEqual([totals.asked, totals.approved, totals.rejected, totals.expired], [11, 10, 1, 0]);
  const [blake, alex] = report.people;
  assert.deepEqual([blake?.display, blake?.votes, blake?.approved], ['Blake Approver', 6, 5]);
  assert.equal(alex?.votes, 5);
  assert.ok(Math.abs((alex?.seconds ?? 0) - 600) < 30, String(alex?.seconds));
  assert.deepEqual(
    report.alwaysApproved.map(({ code, tool, times }) => [code, tool, times]),
    [['payment_needs_approval', 'newsletter.send', 5]],
  );
  assert.equal((await house.approvals.report(30)).totals.asked, 12);
});
