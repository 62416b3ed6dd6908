import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { createPairing, createPeople } from '../../../gateway/sessions/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

const shipped = resolve(import.meta.dirname, '../../../policies');
let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database.drop());

async function folder(people: string): Promise<string> {
  const policiesDir = await mkdtemp(join(tmpdir(), 'people-'));
  await writeFile(join(policiesDir, 'people.yaml'), people);
  return policiesDir;
}

const two = `people:
  - { principal: ann, display: Ann, roles: [owner], groups: [ops], identities: [{channel: slack, account: T1, id: U1}] }
  - { principal: ben, display: Ben, roles: [guest], identities: [{channel: slack, account: T2, id: U1}] }
`;

test('the demo people are one requester and two approvers, each reachable on the web', async () => {
  const people = await createPeople({ pool: database.pool, policiesDir: shipped });
  assert.deepEqual(
    people.byGroups(['approvers']).map((person) => person.principal),
    ['approver-a', 'approver-b'],
  );
  assert.deepEqual(people.get('requester')?.groups, []);
  assert.deepEqual(await people.identitiesOf('requester'), [
    { channel: 'web', account: 'local', id: 'requester', mayVote: true },
  ]);
  const found = await people.resolve('web', 'local', 'approver-a');
  assert.equal(found.person?.principal, 'approver-a');
  assert.equal(found.standing, 'member');
});

test('the same id in another workspace is another person, and an empty list of groups is nobody', async () => {
  const people = await createPeople({ pool: database.pool, policiesDir: await folder(two) });
  assert.deepEqual((await people.resolve('slack', 'T1', 'U1')).person?.principal, 'ann');
  assert.deepEqual((await people.resolve('slack', 'T1', 'U1')).standing, 'owner');
  assert.deepEqual((await people.resolve('slack', 'T2', 'U1')).standing, 'guest');
  assert.deepEqual(await people.resolve('slack', 'T3', 'U1'), { person: null, standing: 'unknown' });
  assert.deepEqual(await people.resolve('telegram', 'T1', 'U1'), { person: null, standing: 'unknown' });
  assert.deepEqual(people.byGroups([]), []);
});

test('members of several groups come once each, in the order of the file', async () => {
  const person = (principal: string, groups: string[]): object => ({
    principal,
    display: principal,
    roles: ['member'],
    groups,
    identities: [],
  });
  const file = { people: [person('cy', ['b']), person('bo', ['a', 'b']), person('al', ['a'])] };
  const people = await createPeople({ pool: database.pool, policiesDir: await folder(JSON.stringify(file)) });
  const of = (...groups: string[]): string[] => people.byGroups(groups).map((one) => one.principal);
  assert.deepEqual([of('a'), of('c')], [['bo', 'al'], []]);
  assert.deepEqual(of('a', 'b'), ['cy', 'bo', 'al']);
  people.byGroups(['a']).length = 0;
  assert.deepEqual(of('a'), ['bo', 'al'], 'what was given out is a copy');
});

test('a display name or a principal is no identity', async () => {
  const people = await createPeople({ pool: database.pool, policiesDir: await folder(two) });
  for (const id of ['ann', 'Ann', '']) assert.equal((await people.resolve('slack', 'T1', id)).person, null);
});

test('a broken people.yaml is refused with file, line and reason, and the last good one stays', async () => {
  const policiesDir = await folder(two);
  const people = await createPeople({ pool: database.pool, policiesDir });
  const broken: [string, RegExp][] = [
    ['people:\n  - principal: ann\n    display: Ann\n    role: [x]\n', /people\.yaml:2: people\.0: .*role/],
    ['people: []\npeople: []\n', /people\.yaml:2: .*unique/i],
    ['people: [\n', /people\.yaml:\d: /],
    [two.replace('account: T2', 'account: T1'), /people\.yaml:3: .*already belongs to ann/],
    [two.replace('principal: ben', 'principal: ann'), /people\.yaml:3: .*twice/],
  ];
  for (const [source, reason] of broken) {
    await writeFile(join(policiesDir, 'people.yaml'), source);
    await assert.rejects(people.reload(), (error: Error & { code: string }) => {
      assert.equal(error.code, 'GH-SESSIONS-001');
      assert.match(error.message, reason);
      return true;
    });
    assert.equal(people.get('ben')?.display, 'Ben');
  }
});

test('a confirmed pairing code links exactly the sender who was given it, once', async () => {
  const policiesDir = await folder(`${two}  - { principal: cem, display: Cem }\n`);
  const people = await createPeople({ pool: database.pool, policiesDir });
  const pairing = createPairing({ pool: database.pool, people });
  const sender = { channel: 'telegram', account: '99', nativeId: '7', display: 'Seven' };
  const offer = await pairing.offer(sender);
  assert.equal((await pairing.offer(sender)).code, offer.code, 'writing again shows the same code');
  assert.equal((await pairing.list()).find((entry) => entry.code === offer.code)?.nativeId, '7');

  await assert.rejects(pairing.confirm(offer.code, 'nobody', 'admin'), { code: 'GH-SESSIONS-003' });
  assert.equal((await pairing.confirm(offer.code.toLowerCase(), 'cem', 'admin')).linked, true);
  await assert.rejects(pairing.confirm(offer.code, 'ann', 'admin'), { code: 'GH-SESSIONS-002' });

  await people.reload();
  assert.equal((await people.resolve('telegram', '99', '7')).person?.principal, 'cem');
  assert.equal((await people.resolve('telegram', '98', '7')).person, null);
  assert.deepEqual(await people.identitiesOf('cem'), [
    { channel: 'telegram', account: '99', id: '7', mayVote: true },
  ]);
  const receipts = await database.pool.query<{ facts: object }>(
    `select facts from receipts where kind = 'pairing'`,
  );
  assert.equal(receipts.rows.length, 1);
  assert.doesNotMatch(JSON.stringify(receipts.rows[0]), /Seven/);

  const again = await pairing.offer(sender);
  await assert.rejects(pairing.confirm(again.code, 'ann', 'admin'), { code: 'GH-SESSIONS-004' });
});

test('an expired pairing code is refused and replaced', async () => {
  const people = await createPeople({ pool: database.pool, policiesDir: await folder(two) });
  const pairing = createPairing({ pool: database.pool, people });
  const sender = { channel: 'slack', account: 'T1', nativeId: 'U77', display: 'x' };
  const { code } = await pairing.offer(sender);
  await database.pool.query(`update pairings set expires_at = now() - interval '1 second' where code = $1`, [
    code,
  ]);
  await assert.rejects(pairing.confirm(code, 'ann', 'admin'), { code: 'GH-SESSIONS-002' });
  assert.notEqual((await pairing.offer(sender)).code, code);
});

test('a paired identity cannot stand in for a web sign-in', async () => {
  const people = await createPeople({ pool: database.pool, policiesDir: await folder(two) });
  await database.pool.query(
    `insert into identities (channel, account, native_id, principal, paired_by) values ('web', 'local', 'x', 'ann', 'me')`,
  );
  assert.equal((await people.resolve('web', 'local', 'x')).person, null);
});
