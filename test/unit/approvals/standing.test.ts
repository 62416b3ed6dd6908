import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Approvals, ApprovalsDeps } from '../../../gateway/approvals/index.ts';
import { revokeStanding, standingOf } from '../../../gateway/approvals/standing.ts';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import {
  createPolicy,
  openEpoch,
  type Policy,
  type RunContext,
  type Standing,
} from '../../../gateway/policy/index.ts';
import { policiesDir } from '../policy/support.ts';
import { gateOf, openHouse, slack, type House } from './support.ts';

let dir: string;
let house: House;
let policy: Policy;
let approvals: Approvals;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gatehouse-standing-'));
  await cp(policiesDir, join(dir, 'policies'), { recursive: true });
  const file = join(dir, 'policies', 'approvals.yaml');
  const text = await readFile(file, 'utf8');
  const limits = `standing: { maxHours: 8, maxTotal: { currency: EUR, amount: '3000.00' } }`;
  await writeFile(file, text.replace('    strict: false\n', `    strict: false\n    ${limits}\n`));
  house = await openHouse();
  policy = await createPolicy({
    pool: house.database.pool,
    policiesDir: join(dir, 'policies'),
    catalogue: loadCatalogue(join(dir, 'policies')),
    clock: () => new Date(),
    epoch: openEpoch(dir),
    settings: { decisionSeconds: 300, approvalSeconds: 3600 },
  });
  approvals = house.another({ policy });
});
after(async () => {
  await house.close();
  await rm(dir, { recursive: true });
});
beforeEach(async () => {
  await house.database.pool.query('truncate standing_grants');
  for (const list of Object.values(house.seen)) list.length = 0;
});

/** A payment that the real policy asks about. */
async function asked(
  amount: string,
): Promise<{ id: string; run: RunContext; decide: () => ReturnType<Policy['decide']> }> {
  const { run: plain } = await house.decision();
  const words = [amount, 'EUR', 'ACME', 'invoice-1'];
  const run = { ...plain, command: { name: 'pay', words } };
  const args = { amount, currency: 'EUR', payee: 'ACME', reference: 'invoice-1' };
  let turn = 0;
  const decide = () => policy.decide(run, { tool: 'ledger.transfer', args, step: `s-${(turn += 1)}` });
  const decision = await decide();
  assert.equal(decision.effect, 'approve');
  await approvals.register(run, gateOf([decision]));
  return { id: decision.id, run, decide };
}

const vote = (id: string, principal: string, standing?: { hours: number; amount: string }) =>
  approvals.vote({ approvalId: id, principal, verdict: 'approve', channel: 'web', standing });

test('an approving vote makes a standing grant, and the next call of the session is not asked about', async () => {
  const { id, decide } = await asked('100');
  assert.deepEqual((await approvals.card(id, 'approver-a')).standing, {
    maxHours: 8,
    destinations: { payee: 'ACME' },
    currency: 'EUR',
    maxAmount: '999.99',
  });
  assert.equal((await approvals.card(id, 'requester')).standing, null);
  const result = await vote(id, 'approver-a', { hours: 2, amount: '300.00' });
  assert.match(result.message, /Calls like it are allowed for now/);
  assert.equal((await decide()).effect, 'allow');
  const [card] = await approvals.standing('requester');
  assert.deepEqual(
    [card?.title, card?.user, card?.left, card?.grantedBy, card?.destinations],
    [
      'Pay',
      'Robin Requester',
      '200.00 of 300.00 EUR',
      ['Alex Approver'],
      [{ label: 'Payee', value: 'ACME' }],
    ],
  );
  const { rows } = await house.database.pool.query<{ facts: object }>(
    `select facts from receipts where kind = 'standing.granted' and decision_id = $1`,
    [id],
  );
  assert.equal(rows.length, 1);
  assert.doesNotMatch(JSON.stringify(rows[0]?.facts), /ACME/);
});

test('too much is refused before the vote counts, and so is asking for it with a rejection', async () => {
  const { id } = await asked('100');
  await assert.rejects(vote(id, 'approver-a', { hours: 2, amount: '1000.00' }), { code: 'GH-POLICY-050' });
  await assert.rejects(
    approvals.vote({
      approvalId: id,
      principal: 'approver-a',
      verdict: 'reject',
      channel: 'web',
      standing: { hours: 1, amount: '1.00' },
    }),
    { code: 'GH-POLICY-050' },
  );
  assert.equal((await approvals.card(id, 'approver-a')).votes.length, 0);
  assert.equal((await vote(id, 'approver-a')).state, 'approved');
  assert.deepEqual(await approvals.standing(), []);
});

test('where two people decide, both have to ask for it, and the smaller wish holds', async () => {
  const one = await asked('1200');
  await vote(one.id, 'approver-a', { hours: 8, amount: '3000.00' });
  assert.equal((await vote(one.id, 'approver-b')).state, 'approved');
  assert.deepEqual(await approvals.standing(), []);
  const both = await asked('1200');
  await vote(both.id, 'approver-a', { hours: 8, amount: '3000.00' });
  await vote(both.id, 'approver-b', { hours: 1, amount: '500.00' });
  const [card] = await approvals.standing();
  assert.deepEqual(
    [card?.left, card?.grantedBy],
    ['500.00 of 500.00 EUR', ['Alex Approver', 'Blake Approver']],
  );
  assert.ok(Date.parse(card?.expiresAt ?? '') - Date.now() <= 3_600_000);
});

test('any approver and the requester end it at once; nobody else sees it', async () => {
  for (const who of ['approver-b', 'requester']) {
    house.seen.notices.length = 0;
    const { id, decide } = await asked('100');
    await vote(id, 'approver-a', { hours: 2, amount: '900.00' });
    assert.deepEqual(await approvals.standing('stranger'), []);
    const [card] = await approvals.standing(who);
    assert.ok(card);
    const end = (principal: string) => approvals.revokeStanding(card.id, { principal, channel: 'web' });
    await assert.rejects(end('stranger'), { code: 'GH-APPROVAL-034' });
    await end(who);
    assert.equal((await decide()).effect, 'approve');
    await assert.rejects(end(who), { code: 'GH-APPROVAL-034' });
    const told = house.seen.notices.some((notice) => /ended the standing grant/.test(notice.text));
    assert.equal(told, who !== 'requester');
  }
});

test('an edited call is decided without standing grants', async () => {
  const covered = await asked('100');
  await vote(covered.id, 'approver-a', { hours: 2, amount: '900.00' });
  const other = await house.decision();
  assert.ok(other);
  const words = ['50', 'EUR', 'Beta', 'invoice-1'];
  const run = { ...other.run, command: { name: 'pay', words } };
  const args = { amount: '50', currency: 'EUR', payee: 'Beta', reference: 'invoice-1' };
  const decision = await policy.decide(run, { tool: 'ledger.transfer', args, step: 'x' });
  await approvals.register(run, gateOf([decision]));
  const edited = await approvals.edit({
    approvalId: decision.id,
    principal: 'approver-a',
    args: { ...args, payee: 'ACME' },
    channel: 'web',
    shownDigest: decision.digest,
  });
  assert.equal(edited.state, 'pending');
  const card = await approvals.card(edited.approvalId, 'approver-b');
  assert.equal(card.kind, 'approve');
  assert.ok(
    card.provenance.some(({ label }) => label === 'Payee'),
    'its new value is nobody’s word',
  );
  assert.equal((await vote(edited.approvalId, 'approver-b')).state, 'approved');
});

const kept = (more: Partial<Standing> = {}): Standing => ({
  id: 'std_1',
  approvalId: 'dec_1',
  tool: 'ledger.transfer',
  destinations: { payee: 'ACME' },
  principal: 'requester',
  groups: ['approvers'],
  grantedBy: ['approver-a'],
  left: '3 of 5 calls',
  createdAt: new Date('2026-11-02T10:00:00Z'),
  expiresAt: new Date('2026-11-02T12:00:00Z'),
  ...more,
});

/** A house whose policy holds these grants, and which of them it was told to end. */
function holding(...list: Standing[]): { deps: ApprovalsDeps; ended: string[][] } {
  const ended: string[][] = [];
  const rules: ApprovalsDeps['policy']['standing'] = {
    ...house.deps.policy.standing,
    list: () => Promise.resolve(list),
    revoke: async (_tx, id, by) => {
      ended.push([id, by]);
    },
  };
  return { deps: { ...house.deps, policy: { ...house.deps.policy, standing: rules } }, ended };
}

test('a standing grant is shown with all that it covers, and nothing hides in it', async () => {
  const { deps } = holding(
    kept(),
    kept({
      id: 'std_2',
      tool: 'gone.tool',
      destinations: { replyTo: 'a\u202eb', lists: ['x', 1] },
      principal: 'someone.else',
      grantedBy: ['approver-a', 'left.since'],
    }),
  );
  assert.deepEqual(await standingOf(deps), [
    {
      id: 'std_1',
      approvalId: 'dec_1',
      tool: 'ledger.transfer',
      title: 'Pay',
      user: 'Robin Requester',
      destinations: [{ label: 'Payee', value: 'ACME' }],
      left: '3 of 5 calls',
      grantedBy: ['Alex Approver'],
      expiresAt: '2026-11-02T12:00:00.000Z',
    },
    {
      id: 'std_2',
      approvalId: 'dec_1',
      tool: 'gone.tool',
      title: 'gone.tool',
      user: 'someone.else',
      destinations: [
        { label: 'Reply to', value: 'a\\u{202e}b' },
        { label: 'Lists', value: '["x",1]' },
      ],
      left: '3 of 5 calls',
      grantedBy: ['Alex Approver', 'left.since'],
      expiresAt: '2026-11-02T12:00:00.000Z',
    },
  ]);
});

test('it is seen and ended by who uses it, who gave it, and who could give it now', async () => {
  const { deps } = holding(
    kept({ id: 'used', principal: 'stranger', grantedBy: [], groups: [] }),
    kept({ id: 'given', grantedBy: ['stranger'], groups: [] }),
    kept({ id: 'of the group', principal: 'x', grantedBy: [] }),
  );
  const seen = async (viewer?: string) => (await standingOf(deps, viewer)).map(({ id }) => id);
  assert.deepEqual(await seen(), ['used', 'given', 'of the group']);
  assert.deepEqual(await seen('stranger'), ['used', 'given']);
  assert.deepEqual(await seen('approver-b'), ['of the group']);
  assert.deepEqual(await seen('requester'), ['given']);
  assert.deepEqual(await seen(''), []);
});

test('who ends one is written down, and who used it reads by whom and what now', async () => {
  const { deps, ended } = holding(kept(), kept({ id: 'std_2', tool: 'gone.tool' }));
  await revokeStanding(deps, 'std_1', { principal: 'approver-b', channel: 'web' });
  await revokeStanding(deps, 'std_2', { principal: 'approver-b', channel: 'web' });
  assert.deepEqual(ended, [
    ['std_1', 'approver-b'],
    ['std_2', 'approver-b'],
  ]);
  assert.deepEqual(
    house.seen.notices.map(({ principal, id, card, tone, text }) => [principal, id, card, tone, text]),
    [
      ['std_1', 'Pay'],
      ['std_2', 'gone.tool'],
    ].map(([id, title]) => [
      'requester',
      `${id}:revoked`,
      id,
      'info',
      `Blake Approver ended the standing grant for ${title}. From now on each call is asked about again.`,
    ]),
  );
});

test('an account that is not theirs ends nothing', async () => {
  const { deps, ended } = holding(kept());
  const end = (actor: Parameters<typeof revokeStanding>[2]) => revokeStanding(deps, 'std_1', actor);
  const asApprover = { principal: 'approver-a', channel: 'slack' };
  await assert.rejects(end(asApprover), { code: 'GH-APPROVAL-041' });
  await assert.rejects(end({ ...asApprover, identity: slack('stranger') }), { code: 'GH-APPROVAL-041' });
  await assert.rejects(end({ principal: 'stranger', channel: 'web' }), { code: 'GH-APPROVAL-034' });
  assert.deepEqual([ended, house.seen.notices], [[], []]);
  await end({ ...asApprover, identity: slack('approver-a') });
  assert.deepEqual(ended, [['std_1', 'approver-a']]);
});
