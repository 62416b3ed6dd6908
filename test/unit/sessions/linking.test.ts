import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { transaction } from '../../../gateway/db/index.ts';
import { createPairing, createPeople, type Identity, type People } from '../../../gateway/sessions/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database.drop());

const web = (id: string): Identity => ({ channel: 'web', account: 'local', id });
const slack = (id: string): Identity => ({ channel: 'slack', account: 'T1', id });
let counter = 0;

/** A person with the given accounts and a sender who wants to be them. */
async function setUp(identities: Identity[], more: object[] = []) {
  counter += 1;
  const ann = `ann-${counter}`;
  const policiesDir = await mkdtemp(join(tmpdir(), 'linking-'));
  const write = (people: object[]): Promise<void> =>
    writeFile(join(policiesDir, 'people.yaml'), JSON.stringify({ people }));
  await write([{ principal: ann, display: 'Ann', identities }, ...more]);
  const people = await createPeople({ pool: database.pool, policiesDir });
  const pairing = createPairing({ pool: database.pool, people });
  const sender = { channel: 'telegram', account: '9', nativeId: `N${counter}`, display: 'Ann?' };
  const { code } = await pairing.offer(sender);
  const fresh: Identity = { channel: 'telegram', account: '9', id: sender.nativeId };
  const answer = (by: Identity, yes = true) =>
    transaction(database.pool, (tx) => pairing.answer(tx, code, by, yes));
  return { ann, people, pairing, policiesDir, write, sender, code, fresh, answer };
}

const holder = (people: People, identity: Identity) => people.holder(database.pool, identity);

/** Lets a day go by for an identity. */
const ripen = ({ channel, account, id }: Identity) =>
  database.pool.query(
    `update identity_links set votes_from = votes_from - interval '24 hours'
     where (channel, account, native_id) = ($1, $2, $3)`,
    [channel, account, id],
  );

test('an administrator alone does not link a further account: the person has to agree', async () => {
  const { ann, people, pairing, code, fresh, answer, sender } = await setUp([slack('U1')]);
  assert.equal((await pairing.confirm(code, ann, 'admin')).linked, false);
  assert.equal((await people.resolve('telegram', '9', sender.nativeId)).person, null);
  assert.equal(await holder(people, fresh), null);
  await answer(slack('U1'));
  await people.reload();
  assert.equal((await people.resolve('telegram', '9', sender.nativeId)).person?.principal, ann);
});

test('nobody else agrees for them: not the new account, not another person, not without an administrator', async () => {
  const ben = { principal: 'ben', display: 'Ben', identities: [slack('UBEN')] };
  const { ann, people, pairing, code, fresh, answer } = await setUp([slack('U2')], [ben]);
  await assert.rejects(answer(slack('U2')), { code: 'GH-SESSIONS-002' }, 'no administrator named her');
  await pairing.confirm(code, ann, 'admin');
  for (const other of [fresh, slack('UBEN'), slack('UNKNOWN'), web(ann)]) {
    await assert.rejects(answer(other), { code: 'GH-SESSIONS-002' });
  }
  assert.equal(await holder(people, fresh), null);
  assert.equal(await pairing.question(code, 'ben'), null);
  assert.equal((await pairing.question(code, ann))?.display, 'Ann?');
});

test('an account that was linked to them today agrees to no further one', async () => {
  const { ann, people, pairing, code, fresh, answer } = await setUp([slack('U3')]);
  await pairing.confirm(code, ann, 'admin');
  await answer(slack('U3'));
  const second = await pairing.offer({ channel: 'slack', account: 'T9', nativeId: 'UX', display: 'x' });
  await pairing.confirm(second.code, ann, 'admin');
  const agree = () => transaction(database.pool, (tx) => pairing.answer(tx, second.code, fresh, true));
  await assert.rejects(agree(), { code: 'GH-SESSIONS-006' });
  await ripen(fresh);
  assert.equal((await agree())?.id, 'UX');
  assert.equal((await holder(people, { channel: 'slack', account: 'T9', id: 'UX' }))?.mayVote, false);
});

test('a further account may not vote for 24 hours by the clock of Postgres, a first one may at once', async () => {
  const { ann, people, pairing, code, fresh, answer } = await setUp([slack('U4')]);
  assert.equal((await holder(people, slack('U4')))?.mayVote, true);
  await pairing.confirm(code, ann, 'admin');
  await answer(slack('U4'));
  const link = await holder(people, fresh);
  const { rows } = await database.pool.query<{ now: Date }>('select clock_timestamp() as now');
  const wait = (link?.votesFrom.getTime() ?? 0) - (rows[0]?.now.getTime() ?? 0);
  assert.ok(wait > 86_390_000 && wait <= 86_400_000, `it waits ${wait} ms`);
  assert.equal(link?.mayVote, false);
  assert.deepEqual(
    (await people.identitiesOf(ann)).map(({ channel, mayVote }) => [channel, mayVote]),
    [
      ['slack', true],
      ['telegram', false],
    ],
  );
  await ripen(fresh);
  assert.equal((await holder(people, fresh))?.mayVote, true);
});

test('a refusal ends the question, with a receipt', async () => {
  const { ann, people, pairing, code, fresh, answer } = await setUp([slack('U5')]);
  await pairing.confirm(code, ann, 'admin');
  assert.equal(await answer(slack('U5'), false), null);
  await assert.rejects(answer(slack('U5')), { code: 'GH-SESSIONS-002' });
  assert.equal(await holder(people, fresh), null);
  const { rows } = await database.pool.query<{ facts: { state: string; answeredOn: string | null } }>(
    `select facts from receipts where kind = 'pairing' and facts ->> 'principal' = $1 order by arrival`,
    [ann],
  );
  assert.deepEqual(
    rows.map(({ facts }) => [facts.state, facts.answeredOn]),
    [
      ['asked', null],
      ['refused', 'slack'],
    ],
  );
});

test('two answers at once link once', async () => {
  const { ann, pairing, code, answer } = await setUp([slack('U6'), web('u6')]);
  await pairing.confirm(code, ann, 'admin');
  const answers = await Promise.allSettled([answer(slack('U6')), answer(web('u6'))]);
  assert.equal(answers.filter((one) => one.status === 'fulfilled').length, 1);
});

test('of two first accounts that are confirmed at once, one is a further one', async () => {
  const { ann, people, pairing, code } = await setUp([]);
  const other = await pairing.offer({ channel: 'slack', account: 'T7', nativeId: 'UY', display: 'y' });
  const both = await Promise.all([code, other.code].map((one) => pairing.confirm(one, ann, 'admin')));
  assert.deepEqual(both.map((one) => one.linked).sort(), [false, true]);
  assert.equal((await people.identitiesOf(ann)).length, 1);
});

test('an account that people.yaml gives to a known person, or moves, waits like any other', async () => {
  const { ann, people, write } = await setUp([slack('U7')]);
  await write([
    { principal: ann, display: 'Ann', identities: [slack('U7'), slack('U7b')] },
    { principal: 'newcomer-7', display: 'New', identities: [slack('U7c')] },
  ]);
  await people.reload();
  assert.equal((await holder(people, slack('U7')))?.mayVote, true);
  assert.equal((await holder(people, slack('U7b')))?.mayVote, false);
  assert.equal((await holder(people, slack('U7c')))?.mayVote, true, 'a first account of a new person');
  await write([
    { principal: ann, display: 'Ann', identities: [slack('U7b')] },
    { principal: 'newcomer-7', display: 'New', identities: [slack('U7c')] },
    { principal: 'taker-7', display: 'Taker', identities: [slack('U7')] },
  ]);
  await people.reload();
  const moved = await holder(people, slack('U7'));
  assert.equal(moved?.principal, 'taker-7');
  assert.equal(moved.mayVote, false, 'it changed hands');
});

test('the others are told of a new account once, by one of several gateways', async () => {
  const { ann, people, pairing, code, fresh, answer } = await setUp([slack('U8'), web('u8')]);
  await pairing.confirm(code, ann, 'admin');
  const take = () => transaction(database.pool, (tx) => pairing.takeUnasked(tx));
  const asked = (await Promise.all([take(), take(), take()])).flat().filter((one) => one.code === code);
  assert.equal(asked.length, 1);
  await answer(slack('U8'));
  const untold = () => transaction(database.pool, (tx) => pairing.takeUntold(tx));
  const told = (await Promise.all([untold(), untold()])).flat().filter((one) => one.principal === ann);
  assert.deepEqual(
    told.map((one) => one.id),
    [fresh.id],
  );
  await people.reload();
  assert.equal((await untold()).filter((one) => one.principal === ann).length, 0);
});

test('while a person is asked, the sender cannot change the name that they are shown', async () => {
  const { ann, pairing, code, sender } = await setUp([slack('U9')]);
  await pairing.confirm(code, ann, 'admin');
  assert.equal((await pairing.offer({ ...sender, display: 'Gatehouse Security' })).code, code);
  assert.equal((await pairing.question(code, ann))?.display, 'Ann?');
});

test('stand-ins are people of the file, for whole days', async () => {
  const { people, policiesDir } = await setUp([]);
  const two = [
    { principal: 'ann', display: 'Ann' },
    { principal: 'ben', display: 'Ben' },
  ];
  const write = (standIns: object[]): Promise<void> =>
    writeFile(join(policiesDir, 'people.yaml'), JSON.stringify({ people: two, standIns }));
  const days = { from: '2026-12-01', until: '2026-12-02' };
  for (const [entry, fault] of [
    [{ for: 'ann', by: 'cem', ...days }, /there is no principal cem/],
    [{ for: 'ann', by: 'ann', ...days }, /nobody stands in for themselves/],
    [{ for: 'ann', by: 'ben', from: '2026-12-03', until: '2026-12-02' }, /ends before it begins/],
    [{ for: 'ann', by: 'ben', from: '1 December', until: '2026-12-02' }, /date/],
    [{ for: 'ann', by: 'ben', until: '2026-12-02' }, /from/],
  ] as const) {
    await write([entry]);
    await assert.rejects(people.reload(), (error: Error) => fault.test(error.message));
  }
  await write([{ for: 'ann', by: 'ben', ...days }]);
  await people.reload();
  const active = (moment: string): number => people.standIns(new Date(moment)).length;
  assert.equal(active('2026-11-30T23:59:59.999Z'), 0);
  assert.equal(active('2026-12-01T00:00:00Z'), 1);
  assert.equal(active('2026-12-02T23:59:59.999Z'), 1);
  assert.equal(active('2026-12-03T00:00:00Z'), 0);
});
