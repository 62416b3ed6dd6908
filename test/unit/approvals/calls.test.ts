import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Preview } from '../../../gateway/policy/index.ts';
import { digest } from '../../../gateway/envelope/index.ts';
import {
  bindingOfCard,
  byCard,
  cardIdOf,
  cardOf,
  cardsOf,
  findCard,
  lockCard,
  shareCards,
  type OnCard,
} from '../../../gateway/approvals/together.ts';
import type { ApprovalRow } from '../../../gateway/approvals/store.ts';
import { transaction } from '../../../gateway/db/index.ts';
import { gateOf, openHouse, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(() => {
  for (const list of Object.values(house.seen)) list.length = 0;
});

/** Calls that their requester confirms on one card. */
async function shared(count: number): Promise<OnCard> {
  const first = await house.decision({ effect: 'confirm' });
  const all = [first];
  while (all.length < count) all.push(await house.decision({ effect: 'confirm', run: first.run }));
  await house.approvals.register(first.run, gateOf(all));
  const [one, ...others] = await findCard(house.database.pool, first.id);
  return [one ?? assert.fail('no such card'), ...others];
}

/** Two calls of one card that differ in all that a card shows. */
async function differing(): Promise<[ApprovalRow, ApprovalRow]> {
  const [one, other] = (await shared(2)) as [ApprovalRow, ApprovalRow];
  const looked: Preview = { state: 'none', text: 'Nothing is known.', facts: [], at: one.now.toISOString() };
  const balance = { column: 'balance', label: 'Balance', value: '7.00', bound: true };
  const args = { amount: '1.00', currency: 'EUR', payee: 'Beta', reference: 'first\nCall 2\nof two' };
  const why = { code: 'a', text: 'Payments need a look.' };
  return [
    {
      ...one,
      args,
      reasons: [why],
      preview: { ...looked, facts: [balance] },
      provenance: [{ at: '/payee', arg: 'payee', kind: 'redirects', origin: 'unknown' }],
      deadline: new Date('2030-01-02T00:00:00Z'),
      reason: 'One.',
    },
    {
      ...other,
      tool: 'newsletter.send',
      args: { subject: 'News', body: 'line one\nline two' },
      reasons: [
        { ...why, code: 'b' },
        { code: 'c', text: 'It is long.' },
      ],
      preview: { ...looked, text: 'The list is away.' },
      provenance: [{ at: '/body', arg: 'body', kind: 'redirects', origin: 'mentioned' }],
      deadline: new Date('2030-01-01T00:00:00Z'),
      reason: 'Two.',
    },
  ];
}

test('a card of several calls shows each by its number, and what is said of all of them once', async () => {
  const rows = await differing();
  const card = cardOf(house.deps, rows, 'requester');
  const [one, other] = rows.map((row) => cardOf(house.deps, [{ ...row, card: null }], 'requester'));
  assert.ok(one && other);
  assert.deepEqual(
    { ...card, quoted: null },
    {
      ...one,
      id: rows[0].id,
      calls: 2,
      sentence: 'Robin Requester asks for 2 calls together',
      effect: 'all 2 calls',
      tool: 'ledger.transfer, newsletter.send',
      digest: digest([one.digest, other.digest]),
      binding: bindingOfCard(rows),
      reasons: [
        { code: 'b', text: 'Payments need a look.' },
        { code: 'c', text: 'It is long.' },
      ],
      facts: [
        {
          label: 'Call 1',
          value: one.sentence.slice('Robin Requester asks to '.length),
          heading: true,
        },
        ...one.facts.map((fact) => ({ ...fact, label: `1. ${fact.label}` })),
        {
          label: 'Call 2',
          value: other.sentence.slice('Robin Requester asks to '.length),
          heading: true,
        },
        ...other.facts.map((fact) => ({ ...fact, label: `2. ${fact.label}` })),
      ],
      preview: 'Call 1: Nothing is known.\nCall 2: The list is away.',
      provenance: [
        { label: '1. Payee', value: 'Beta', source: 'somewhere else than the request' },
        {
          label: '2. Body',
          value: 'line one\\u{a}line two',
          source: 'a part of the request that says something else',
        },
      ],
      quoted: null,
      deadline: '2030-01-01T00:00:00.000Z',
      mayEdit: false,
      editable: false,
      reason: 'One. Two.',
    },
  );
  assert.ok(card.facts.some(({ label, value }) => label === '1. Balance' && value === '7.00'));
  assert.equal(
    card.quoted,
    'Call 1\n│ Reference:\n│ first\n│ Call 2\n│ of two\n\nCall 2\n│ Body:\n│ line one\n│ line two',
    'no line of a text passes for the heading of the next one',
  );
});

test('what is the same of all calls, or of none, is said once or not at all', async () => {
  const [one, other] = await shared(2);
  assert.ok(other);
  const card = cardOf(house.deps, [one, other]);
  assert.deepEqual([card.quoted, card.reason, card.tool], [null, null, 'ledger.transfer']);
  assert.equal(card.preview, 'No preview: nothing is looked up here.');
  assert.deepEqual([card.editable, card.mayEdit], [false, false]);
});

test('a card can be decided where each of its calls can, and is approved where all of them are', async () => {
  const [one, other] = (await shared(2)) as [ApprovalRow, ApprovalRow];
  const shown = (rows: OnCard) => {
    const { mayVote, mayApprove, whyNot, state } = cardOf(house.deps, rows, 'requester');
    return { mayVote, mayApprove, whyNot, state };
  };
  assert.deepEqual(shown([one, other]), { mayVote: true, mayApprove: true, whyNot: null, state: 'pending' });
  assert.deepEqual(shown([one, { ...other, late: true }]), {
    mayVote: false,
    mayApprove: false,
    whyNot: 'The deadline has passed.',
    state: 'pending',
  });
  const approved = { ...one, state: 'approved' as const };
  assert.equal(shown([approved, { ...other, state: 'approved' }]).state, 'approved');
  assert.equal(shown([approved, { ...other, state: 'undeliverable' }]).state, 'undeliverable');
});

test('a card is named by its first call and bound to the very set of them, in whatever order', async () => {
  const rows = (await shared(3)) as unknown as [ApprovalRow, ApprovalRow, ApprovalRow];
  const [one, two, three] = rows;
  assert.deepEqual(rows.map(cardIdOf), [one.id, one.id, one.id]);
  const binding = bindingOfCard(rows);
  assert.equal(
    binding,
    digest(
      rows.map(({ id, binding: own }) => [id, own]).sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1)),
    ),
  );
  assert.equal(bindingOfCard([three, one, two]), binding);
  assert.equal(bindingOfCard([two, three, one]), binding);
  for (const others of [
    [one, two],
    [one, two, { ...three, binding: 'sha256:other' }],
  ])
    assert.notEqual(bindingOfCard(others), binding);
  const alone = { ...one, card: null };
  assert.equal(bindingOfCard([alone]), one.binding);
  assert.deepEqual([bindingOfCard([]), bindingOfCard([{ ...alone, binding: null }])], ['', '']);
  assert.equal(cardOf(house.deps, [alone]).sentence.includes('together'), false);
});

test('approvals are put together by their card, in their order', async () => {
  const [one, two] = (await shared(2)) as [ApprovalRow, ApprovalRow];
  const alone = { ...two, id: 'dec_alone', card: null };
  assert.deepEqual(byCard([one, alone, two]), [[one, two], [alone]]);
  assert.deepEqual(
    cardsOf(house.deps, [one, alone, two], 'requester').map(({ id, mayVote }) => [id, mayVote]),
    [
      [one.id, true],
      ['dec_alone', true],
    ],
  );
  assert.deepEqual([byCard([]), cardsOf(house.deps, [])], [[], []]);
});

test('a card that came to hold another call while its lock was waited for is not decided', async () => {
  const [one, two] = (await shared(2)) as [ApprovalRow, ApprovalRow];
  const newcomer = await house.decision({ effect: 'confirm' });
  await house.approvals.register(newcomer.run, gateOf([newcomer]));
  const other = await house.database.pool.connect();
  try {
    await other.query('begin');
    await other.query('update approvals set card = $2 where id = any($1)', [[one.id, newcomer.id], one.id]);
    const locked = transaction(house.database.pool, (tx) => lockCard(tx, two.id));
    await new Promise((resolve) => setTimeout(resolve, 60));
    await other.query('commit');
    assert.deepEqual(await locked, []);
  } finally {
    other.release();
  }
  const now = await transaction(house.database.pool, (tx) => lockCard(tx, two.id));
  assert.equal(now.length, 3);
  assert.deepEqual(await transaction(house.database.pool, (tx) => lockCard(tx, 'dec_none')), []);
});

test('only confirmations of a person, as they were asked for, share a card; the others stay as they are', async () => {
  const { pool } = house.database;
  const rows = await shared(6);
  const [one, two, automatic, edited, approve, strict] = rows.map(({ id }) => id);
  await pool.query('update approvals set card = null, editable = true where id = any($1)', [
    rows.map(({ id }) => id),
  ]);
  await pool.query('update approvals set requester = null where id = $1', [automatic]);
  await pool.query('update approvals set edition = 1 where id = $1', [edited]);
  await pool.query(`update approvals set kind = 'approve' where id = $1`, [approve]);
  await pool.query(`update decisions set tool = 'strict.tool' where id = $1`, [strict]);
  const read = await findCardsOf(rows.map(({ id }) => id));
  const deps = { isStrict: (tool: string) => tool === 'strict.tool' };
  const now = await transaction(pool, (tx) => shareCards(deps, tx, read));
  assert.deepEqual(
    now.map(({ id, card, editable }) => [id, card, editable]),
    [
      [one, one, false],
      [two, one, false],
      ...[automatic, edited, approve, strict].map((id) => [id, null, true]),
    ],
  );
  const alone = await transaction(pool, (tx) => shareCards({}, tx, read.slice(0, 1)));
  assert.deepEqual(
    alone.map(({ id, card }) => [id, card]),
    [[one, null]],
    'what is left of a card stands alone',
  );
});

async function findCardsOf(ids: string[]): Promise<ApprovalRow[]> {
  const rows: ApprovalRow[] = [];
  for (const id of ids) rows.push(...(await findCard(house.database.pool, id)));
  return rows;
}
