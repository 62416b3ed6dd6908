import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blindness, isIntact } from '../../../gateway/approvals/binding.ts';
import {
  confirmerOf,
  eligible,
  mayAsk,
  mayEdit,
  maySee,
  quorumOf,
  seatCount,
  seatsOf,
} from '../../../gateway/approvals/eligible.ts';
import type { ApprovalRow } from '../../../gateway/approvals/store.ts';
import { bindingDigest, callDigest, type Preview } from '../../../gateway/policy/index.ts';

/** Ann, Bob and Cy approve; Dan stands in for Ann and Bob, Eve for the requester, Cy for Ann too. */
const groups: Record<string, string[]> = { approvers: ['ann', 'bob', 'cy'], finance: ['fay'] };
const everybody = [...Object.values(groups).flat(), 'dan', 'eve', 'req'];
const standIns = [
  { for: 'ann', by: 'dan' },
  { for: 'bob', by: 'dan' },
  { for: 'ann', by: 'cy' },
  { for: 'req', by: 'eve' },
  { for: 'gus', by: 'fay' },
];
type Directory = Parameters<typeof seatsOf>[0];
const directory = (away = standIns, known = everybody): Directory =>
  ({
    get: (principal: string) => (known.includes(principal) ? { principal } : undefined),
    byGroups: (names: string[]) =>
      names.flatMap((name) => groups[name] ?? []).map((principal) => ({ principal })),
    standIns: () => away,
  }) as unknown as Directory;

const asked = {
  kind: 'approve',
  groups: ['approvers'],
  requester: 'req',
  proposers: [] as string[],
  now: new Date('2026-11-02T10:00:00Z'),
} as unknown as ApprovalRow;
const seats = (change: Partial<ApprovalRow> = {}, people = directory()): Record<string, string[]> =>
  Object.fromEntries(seatsOf(people, { ...asked, ...change }));

test('members fill their own seats, and a stand-in those of the members that are away', () => {
  assert.deepEqual(seats(), { ann: ['ann'], bob: ['bob'], cy: ['cy'], dan: ['ann', 'bob'] });
  assert.deepEqual(seats({ groups: ['finance'] }), { fay: ['fay'] });
  assert.deepEqual(seats({ groups: ['nobody-is-in-it'] }), {});
  assert.deepEqual(seats({ groups: [] }), {});
  assert.deepEqual(seats({}, directory([])), { ann: ['ann'], bob: ['bob'], cy: ['cy'] });
});

test('who asked, who changed the request, and who stands in for one of them, decides nothing', () => {
  const own = seats({ requester: 'ann' });
  assert.deepEqual(own, { bob: ['bob'] }, 'neither Ann, nor Dan or Cy, who stand in for her');
  assert.deepEqual(seats({ proposers: ['bob'] }), { ann: ['ann'], cy: ['cy'] });
  assert.deepEqual(seats({ requester: 'eve', groups: ['approvers'] }), seats());
  const asking = directory([{ for: 'req', by: 'ann' }]);
  assert.deepEqual(seats({}, asking), { bob: ['bob'], cy: ['cy'] });
  assert.deepEqual(seats({ requester: null }, asking), { ann: ['ann'], bob: ['bob'], cy: ['cy'] });
});

test('a confirmation is its confirmer’s alone, and nobody’s where that person is gone', () => {
  assert.deepEqual(seats({ kind: 'confirm', confirmer: 'req' }), { req: ['req'] });
  assert.deepEqual(seats({ kind: 'confirm', requester: 'automation:rent', confirmer: 'ann' }), {
    ann: ['ann'],
  });
  assert.deepEqual(seats({ kind: 'confirm', confirmer: 'gone' }), {});
  assert.deepEqual(seats({ kind: 'confirm', confirmer: null }), {});
});

test('who asks confirms, and for an automation the person who answers for it', () => {
  const automations = { list: () => [{ principal: 'automation:rent', display: 'Rent', owner: 'ann' }] };
  assert.equal(confirmerOf({ automations }, 'req'), 'req');
  assert.equal(confirmerOf({ automations }, 'automation:rent'), 'ann');
  assert.equal(confirmerOf({ automations }, 'automation:other'), 'automation:other');
  assert.equal(confirmerOf({ automations }, null), null);
  assert.equal(confirmerOf({}, 'automation:rent'), 'automation:rent');
});

test('somebody who left decides nothing, whatever a group still says', () => {
  const left = directory(standIns, ['ann', 'dan']);
  assert.deepEqual(
    eligible(left, asked).map(({ principal }) => principal),
    ['ann', 'dan'],
  );
});

test('votes count by the seats that they fill: two people for one seat are one, one person for two as well', () => {
  const all = seatsOf(directory(), asked);
  for (const [votes, count] of [
    [[], 0],
    [['ann'], 1],
    [['ann', 'bob'], 2],
    [['dan'], 1],
    [['dan', 'ann'], 2],
    [['dan', 'ann', 'bob'], 2],
    [['ann', 'stranger'], 1],
    [['stranger'], 0],
  ] as const)
    assert.equal(seatCount(all, votes), count, votes.join());
  const one = seatsOf(directory([{ for: 'ann', by: 'dan' }]), asked);
  assert.equal(seatCount(one, ['ann', 'dan']), 1);
});

test('four eyes need two approvers where no person asked, and never fewer than the rules say', () => {
  const quorum = (change: object, fourEyes: boolean | undefined): number =>
    quorumOf(
      { people: directory(), classOf: () => (fourEyes === undefined ? undefined : { fourEyes }) } as never,
      { effect: 'approve', tool: 'ledger.transfer', principal: 'req', approvers: { quorum: 1 }, ...change },
    );
  assert.equal(quorum({}, true), 1);
  assert.equal(quorum({ principal: null }, true), 2);
  assert.equal(quorum({ principal: 'automation' }, true), 2);
  assert.equal(quorum({ principal: null }, false), 1);
  assert.equal(quorum({ principal: null }, undefined), 1);
  assert.equal(quorum({ principal: null, approvers: { quorum: 3 } }, true), 3);
  assert.equal(quorum({ approvers: { quorum: 2 } }, false), 2);
  assert.equal(quorum({ approvers: null }, false), 1);
  assert.equal(quorum({ effect: 'confirm', principal: null, approvers: { quorum: 2 } }, true), 1);
  assert.equal(
    quorumOf({ people: directory() } as never, {
      effect: 'approve',
      tool: 'x',
      principal: null,
      approvers: null,
    }),
    1,
  );
});

test('a request is changed by who made it or decides it, and asked about by who decides it', () => {
  const may = (viewer: string, change: Partial<ApprovalRow> = {}): boolean[] => [
    mayEdit(directory(), { ...asked, ...change }, viewer),
    mayAsk(directory(), { ...asked, ...change }, viewer),
  ];
  assert.deepEqual(may('ann'), [true, true]);
  assert.deepEqual(may('req'), [true, false]);
  assert.deepEqual(may('fay'), [false, false]);
  assert.deepEqual(may('eve'), [false, false]);
  assert.deepEqual(may('ann', { proposers: ['ann'] }), [true, false], 'who changed it may change it again');
  assert.deepEqual(may('req', { kind: 'confirm' }), [true, false]);
});

test('a request is seen by who asked, changed or voted on it or decides it, and by nobody else', () => {
  const seen = {
    ...asked,
    editors: ['dan-before'],
    votes: [{ principal: 'left' }],
  } as unknown as ApprovalRow;
  const sees = (viewer: string, row = seen): boolean => maySee(directory(), row, viewer);
  for (const viewer of ['req', 'dan-before', 'left', 'ann', 'dan']) assert.equal(sees(viewer), true, viewer);
  for (const viewer of ['fay', 'eve', '']) assert.equal(sees(viewer), false, viewer);
  assert.equal(sees('left', { ...seen, votes: [] }), false);
});

const preview = (state: Preview['state'], text: string | null = null): Preview => ({
  state,
  text,
  facts: [],
  at: '2026-11-02T10:00:00Z',
});
const bound = {
  ...asked,
  tool: 'ledger.transfer',
  args: { amount: '1' },
  digest: callDigest('ledger.transfer', { amount: '1' }).digest,
  sessionKey: 's',
  policyVersion: 'v',
  epoch: 1,
  preview: preview('shown'),
  deadline: new Date('2026-11-02T11:00:00Z'),
} as unknown as ApprovalRow;
const binding = bindingDigest({
  call: bound.digest,
  actor: 'req',
  session: 's',
  policy: 'v',
  epoch: 1,
  preview: bound.preview,
  deadline: bound.deadline,
});

test('an approval of which anything was changed in the database is not whole any more', () => {
  const whole = { ...bound, binding };
  assert.equal(isIntact(whole), true);
  for (const change of [
    { args: { amount: '1000' } },
    { args: null },
    { tool: 'ledger.balance' },
    { digest: 'sha256:0' },
    { requester: 'ann' },
    { sessionKey: 'x' },
    { policyVersion: 'x' },
    { epoch: 2 },
    { preview: preview('none') },
    { deadline: new Date('2027-01-01T00:00:00Z') },
    { binding: null },
    { binding: 'sha256:0' },
  ])
    assert.equal(isIntact({ ...whole, ...change }), false, JSON.stringify(change));
});

test('where it counts, nobody is asked about what cannot be shown', () => {
  const blind = (risk: string | undefined, state: Preview['state'] | null, text: string | null = null) =>
    blindness({ catalogue: { get: () => risk && { risk } } } as never, {
      ...bound,
      preview: state && preview(state, text),
    });
  for (const risk of ['payment', 'delete', 'prod_write']) {
    assert.equal(blind(risk, 'missing', 'No such customer.'), 'No such customer. (preview_missing)');
    assert.match(blind(risk, 'missing') ?? '', /^There is .*\(preview_missing\)$/);
    for (const [text, said] of [
      ['It timed out.', ' It timed out.'],
      [null, ' '],
    ] as const)
      assert.equal(
        blind(risk, 'unavailable', text),
        `What it would do cannot be looked up, so nobody was asked.${said} (preview_unavailable)`,
      );
    for (const state of ['shown', 'none', null] as const) assert.equal(blind(risk, state), null);
  }
  for (const risk of ['outbound', 'write', undefined]) assert.equal(blind(risk, 'unavailable'), null);
});
