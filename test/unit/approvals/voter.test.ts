import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusals } from '../../../gateway/approvals/refusals.ts';
import type { ApprovalRow, StoredVote } from '../../../gateway/approvals/store.ts';
import type { Ballot } from '../../../gateway/approvals/index.ts';
import {
  countedVotes,
  freeSeat,
  provenBy,
  relayed,
  unproven,
  voterOf,
} from '../../../gateway/approvals/voter.ts';
import { GatehouseError } from '../../../gateway/config/index.ts';
import type { Queryable } from '../../../gateway/db/index.ts';
import type { Identity } from '../../../gateway/sessions/index.ts';

/** Ann and Bob approve; Dan stands in for Ann, Sam for both; Req asks. */
const members = ['ann', 'bob'];
const standIns = [
  { for: 'ann', by: 'dan' },
  { for: 'ann', by: 'sam' },
  { for: 'bob', by: 'sam' },
];
const account = (principal: string): Identity => ({ channel: 'slack', account: 'T1', id: `U-${principal}` });
const web = (principal: string): Identity => ({ channel: 'web', account: 'local', id: principal });
const votesFrom = new Date('2026-11-03T10:00:00Z');
const db = {} as Queryable;

/** Everybody holds an account of their own on the web and in Slack, save for what moved or is too new. */
function house({ moved = {}, young = [] }: { moved?: Record<string, string>; young?: string[] } = {}) {
  const everybody = [...members, 'dan', 'sam', 'req', 'x'];
  return {
    people: {
      get: (principal: string) =>
        everybody.includes(principal) ? { principal, display: principal.toUpperCase() } : undefined,
      byGroups: (names: string[]) =>
        names.includes('approvers') ? members.map((principal) => ({ principal })) : [],
      standIns: () => standIns,
      holder: async (_db: Queryable, { channel, id }: Identity) => {
        const principal = moved[id] ?? everybody.find((one) => id === (channel === 'web' ? one : `U-${one}`));
        return principal === undefined ? null : { principal, mayVote: !young.includes(id), votesFrom };
      },
    },
    settings: { publicUrl: 'https://gate.example.com' },
  } as unknown as Parameters<typeof freeSeat>[0] & Parameters<typeof voterOf>[0];
}

const row = {
  id: 'dec_1',
  kind: 'approve',
  tool: 'ledger.transfer',
  groups: ['approvers'],
  requester: 'req',
  requesterIdentities: [web('req'), account('req')],
  proposers: [] as string[],
  binding: 'sha256:now',
  now: new Date('2026-11-02T10:00:00Z'),
  votes: [] as StoredVote[],
} as unknown as ApprovalRow;

/** An approval as it is stored: by the person's own Slack account, for what is asked now. */
const given = (principal: string, more: Partial<StoredVote> = {}): StoredVote => ({
  principal,
  verdict: 'approve',
  comment: null,
  channel: 'slack',
  at: '2026-11-02T09:00:00Z',
  seat: principal,
  uncounted: false,
  shown: 'sha256:now',
  identity: account(principal),
  authenticator: null,
  standing: null,
  ...more,
});
const ballotOf = (principal: string, more: Partial<Ballot> = {}): Ballot => ({
  approvalId: row.id,
  principal,
  verdict: 'approve',
  channel: 'slack',
  identity: account(principal),
  ...more,
});

const counted = async (
  votes: StoredVote[],
  deps: Parameters<typeof countedVotes>[0] = house(),
): Promise<string[]> => (await countedVotes(deps, db, { ...row, votes })).map(({ principal }) => principal);

test('the approvals of a quorum are those of people who may still decide, each for a seat of their own', async () => {
  assert.deepEqual(await counted([given('ann'), given('bob')]), ['ann', 'bob']);
  assert.deepEqual(await counted([given('dan', { seat: 'ann' }), given('bob')]), ['dan', 'bob']);
});

test('no rejection, vote for something else, without a seat, or without an account fills a seat', async () => {
  for (const flaw of [
    { verdict: 'reject' },
    { shown: 'sha256:before' },
    { seat: null },
    { identity: null },
  ] as const)
    assert.deepEqual(await counted([given('ann', flaw), given('bob')]), ['bob'], JSON.stringify(flaw));
});

test('a vote counts no more once its account is somebody else’s or nobody’s, or its seat is not the voter’s', async () => {
  assert.deepEqual(await counted([given('ann'), given('bob')], house({ moved: { 'U-ann': 'bob' } })), [
    'bob',
  ]);
  assert.deepEqual(await counted([given('ann', { identity: account('nobody') })]), []);
  assert.deepEqual(await counted([given('ann', { seat: 'bob' })]), []);
  assert.deepEqual(await counted([given('x')]), [], 'who is no approver');
});

test('one seat, one authenticator, and n8n with all that it relays count once', async () => {
  assert.deepEqual(await counted([given('dan', { seat: 'ann' }), given('ann')]), ['dan']);
  const key = { authenticator: 'passkey:1' };
  assert.deepEqual(await counted([given('ann', key), given('bob', key)]), ['ann']);
  assert.deepEqual(await counted([given('ann', key), given('bob', { authenticator: 'passkey:2' })]), [
    'ann',
    'bob',
  ]);
  const form = { channel: relayed };
  assert.deepEqual(await counted([given('ann', form), given('bob', form)]), ['ann']);
  assert.deepEqual(await counted([given('ann', form), given('bob')]), ['ann', 'bob']);
  assert.deepEqual(await counted([given('ann'), given('bob', form)]), ['ann', 'bob']);
});

test('of a strict call only votes count whose second factor is still the voter’s', async () => {
  const asked: string[] = [];
  const deps = {
    ...house(),
    isStrict: (tool: string) => tool === row.tool,
    factors: {
      holds: async (_db: unknown, principal: string, key: string) => {
        asked.push(`${principal} ${key}`);
        return key === `key-${principal}`;
      },
    },
  };
  const votes = [given('ann', { authenticator: 'key-ann' }), given('bob', { authenticator: 'key-ann' })];
  assert.deepEqual(await counted(votes, deps as never), ['ann']);
  assert.deepEqual(asked, ['ann key-ann', 'bob key-ann']);
  assert.deepEqual(await counted([given('ann')], deps as never), [], 'none at all');
});

test('a second factor is needed of strict calls alone, and is none where nobody can be asked about it', async () => {
  const ballot = { principal: 'ann', authenticator: 'key' };
  const holds = async () => true;
  assert.equal(await provenBy({}, db, row, { principal: 'ann' }), true);
  assert.equal(await provenBy({ isStrict: () => false }, db, row, { principal: 'ann' }), true);
  assert.equal(await provenBy({ isStrict: () => true, factors: { holds } }, db, row, ballot), true);
  assert.equal(await provenBy({ isStrict: () => true }, db, row, ballot), false);
  for (const authenticator of [undefined, null, ''])
    assert.equal(
      await provenBy({ isStrict: () => true, factors: { holds } }, db, row, { ...ballot, authenticator }),
      false,
    );
});

const codeOf = (result: unknown): string | undefined =>
  result instanceof GatehouseError ? result.code : undefined;

test('an account on the web stands for a session there, and for a terminal that such a session let in', async () => {
  for (const channel of ['web', 'terminal']) {
    const voter = await voterOf(house(), db, row, ballotOf('ann', { channel, identity: undefined }));
    assert.deepEqual(voter, { identity: web('ann'), seats: ['ann'] });
  }
  for (const channel of ['slack', 'telegram', relayed, '']) {
    const voter = await voterOf(house(), db, row, ballotOf('ann', { channel, identity: undefined }));
    assert.equal(codeOf(voter), 'GH-APPROVAL-041', channel);
  }
});

test('who may decide is refused with the reason that comes first', async () => {
  const refusal = async (ballot: Ballot, change: Partial<ApprovalRow> = {}, deps = house()) =>
    codeOf(await voterOf(deps, db, { ...row, ...change }, ballot));
  const confirm = { kind: 'confirm', confirmer: 'req' } as const;
  assert.equal(await refusal(ballotOf('ann', { identity: account('bob') })), 'GH-APPROVAL-041');
  assert.equal(await refusal(ballotOf('nobody')), 'GH-APPROVAL-041');
  assert.equal(await refusal(ballotOf('req')), 'GH-APPROVAL-003');
  const moved = house({ moved: { 'U-req': 'ann' } });
  assert.equal(await refusal(ballotOf('ann', { identity: account('req') }), {}, moved), 'GH-APPROVAL-003');
  assert.equal(await refusal(ballotOf('req'), confirm), undefined, 'a confirmation is theirs');
  assert.equal(await refusal(ballotOf('ann'), {}, house({ young: ['U-ann'] })), 'GH-APPROVAL-042');
  assert.equal(await refusal(ballotOf('ann'), { proposers: ['ann'] }), 'GH-APPROVAL-020');
  assert.equal(await refusal(ballotOf('x')), 'GH-APPROVAL-005');
  assert.equal(await refusal(ballotOf('ann'), confirm), 'GH-APPROVAL-005');
});

test('besides voting, an account acts for its own person, from the time on at which it may', async () => {
  assert.equal(await unproven(house(), db, ballotOf('ann')), null);
  assert.equal(
    codeOf(await unproven(house(), db, ballotOf('ann', { identity: account('bob') }))),
    'GH-APPROVAL-041',
  );
  const young = await unproven(house({ young: ['U-ann'] }), db, ballotOf('ann'));
  assert.equal(young?.message, refusals.tooNew(votesFrom).message);
});

/** The seat that a ballot fills on top of these votes, or the code of its refusal. */
const seatFor = (ballot: Ballot, votes: StoredVote[] = [], seats = [ballot.principal]) => {
  const voter = { identity: ballot.identity ?? web(ballot.principal), seats };
  const seat = freeSeat(house(), { ...row, votes }, voter, ballot, votes);
  return seat instanceof GatehouseError ? seat : { code: seat };
};

test('an approval fills the first seat of the voter that is free', () => {
  assert.equal(seatFor(ballotOf('ann')).code, 'ann');
  assert.equal(seatFor(ballotOf('sam'), [], ['ann', 'bob']).code, 'ann');
  assert.equal(seatFor(ballotOf('sam'), [given('ann')], ['ann', 'bob']).code, 'bob');
  const taken = seatFor(ballotOf('sam'), [given('ann')], ['ann']);
  assert.equal(taken.code, 'GH-APPROVAL-044');
  assert.match((taken as GatehouseError).message, /The vote of ANN/);
});

test('a rejection needs no free seat, and may be relayed beside an approval', () => {
  const votes = [given('ann', { channel: relayed })];
  assert.equal(seatFor(ballotOf('sam', { verdict: 'reject' }), votes, ['ann']).code, 'ann');
  const relayedNo = ballotOf('bob', { verdict: 'reject', channel: relayed });
  assert.equal(seatFor(relayedNo, votes).code, 'bob');
});

test('an account or authenticator that gave a vote gives no other, for whomever; votes without one share none', () => {
  const bob = (more: Partial<Ballot>) => ballotOf('bob', more);
  assert.equal(seatFor(bob({ identity: account('ann') }), [given('ann')]).code, 'GH-APPROVAL-043');
  const keyed = [given('ann', { authenticator: 'key' })];
  assert.equal(seatFor(bob({ authenticator: 'key' }), keyed).code, 'GH-APPROVAL-043');
  assert.equal(seatFor(bob({ authenticator: 'other' }), keyed).code, 'bob');
  assert.equal(seatFor(bob({}), keyed).code, 'bob');
  assert.equal(seatFor(bob({}), [given('ann', { identity: null })]).code, 'bob');
  for (const other of [{ channel: 'telegram' }, { account: 'T2' }, { id: 'U-else' }]) {
    const identity = { ...account('ann'), ...other };
    assert.equal(seatFor(bob({ identity }), [given('ann')]).code, 'bob');
  }
});

test('n8n relays one approval; whoever comes second through it reads where to decide instead', () => {
  const second = seatFor(ballotOf('bob', { channel: relayed }), [given('ann', { channel: relayed })]);
  assert.equal(second.code, 'GH-APPROVAL-045');
  assert.match((second as GatehouseError).next ?? '', /https:\/\/gate\.example\.com\/approvals\/dec_1/);
  assert.equal(seatFor(ballotOf('bob', { channel: relayed }), [given('ann')]).code, 'bob');
});
