import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createFactors } from '../../../gateway/factors/index.ts';
import { SoftPasskey, type Fault } from '../../support/passkey.ts';
import { enrolPasskey, openFactors, sessions, site, somebody, vote, type Vault } from './support.ts';

let vault: Vault;
before(async () => {
  vault = await openFactors();
});
after(() => vault.close());

const refused = (code: string) => ({ code, name: 'GatehouseError' });

/** A person with a passkey that decides. */
async function holder() {
  const principal = somebody();
  const { key } = await enrolPasskey(vault, principal);
  const answer = async (purpose = vote(), fault?: Fault) =>
    key.get(await vault.factors.challenge(principal, purpose), fault);
  const prove = (assertion: unknown, purpose = vote()) =>
    vault.factors.prove(principal, purpose, { assertion });
  return { principal, key, answer, prove };
}

test('a passkey proves a vote, and the ballot is told which authenticator it was', async () => {
  const { principal, key, answer, prove } = await holder();
  const authenticator = await prove(await answer());
  assert.equal(authenticator, `passkey:${key.id}`);
  assert.equal(await vault.factors.holds(vault.database.pool, principal, authenticator), true);
  const [factor] = await vault.factors.list(principal);
  assert.ok(factor?.lastUsedAt);
});

test('the browser is asked to verify the holder, and only for passkeys of this person', async () => {
  const { principal, key } = await holder();
  await holder();
  const options = await vault.factors.challenge(principal, vote());
  assert.equal(options.userVerification, 'required');
  assert.equal(options.rpId, site.rpId);
  assert.deepEqual(
    options.allowCredentials?.map((one) => one.id),
    [key.id],
  );
});

test('an answer that was used does not work again, not even for the same vote', async () => {
  const { answer, prove } = await holder();
  const assertion = await answer();
  await prove(assertion);
  await assert.rejects(prove(assertion), refused('GH-FACTOR-001'));
});

test('a challenge is used up by a wrong answer too', async () => {
  const { principal, key, prove } = await holder();
  const options = await vault.factors.challenge(principal, vote());
  await assert.rejects(prove(key.get(options, { unverified: true })), refused('GH-FACTOR-002'));
  await assert.rejects(prove(key.get(options)), refused('GH-FACTOR-001'));
});

test('of two answers at once to one challenge, one works', async () => {
  const { principal, key, prove } = await holder();
  const options = await vault.factors.challenge(principal, vote());
  const [one, two] = [key.get(options), key.get(options)];
  const results = await Promise.allSettled([prove(one), prove(two)]);
  assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected']);
});

test('an answer for one vote proves no other request, verdict, arguments or change', async () => {
  const { answer, prove } = await holder();
  const others = [
    vote('dec_2'),
    vote('dec_1', 'reject'),
    vote().replace('abab', 'abac'),
    'change',
    'enrol',
    '',
  ];
  for (const other of others) {
    await assert.rejects(prove(await answer(), other), refused('GH-FACTOR-001'), other);
  }
});

test('a challenge of one person is worth nothing to another', async () => {
  const [one, two] = [await holder(), await holder()];
  const options = await vault.factors.challenge(one.principal, vote());
  await assert.rejects(two.prove(two.key.get(options)), refused('GH-FACTOR-001'));
});

test('a passkey of another person proves nothing, even in answer to one’s own challenge', async () => {
  const [one, two] = [await holder(), await holder()];
  const options = await vault.factors.challenge(one.principal, vote());
  await assert.rejects(one.prove(two.key.get(options)), refused('GH-FACTOR-002'));
});

test('a challenge lasts two minutes by the clock of Postgres', async () => {
  const { answer, prove } = await holder();
  const late = await answer();
  await vault.database.pool.query(
    `update factor_challenges set expires_at = expires_at - interval '2 minutes'`,
  );
  await assert.rejects(prove(late), refused('GH-FACTOR-001'));
});

test('a challenge that the gateway never gave out does not work', async () => {
  const { answer, prove } = await holder();
  const made = Buffer.alloc(32, 7).toString('base64url');
  await assert.rejects(prove(await answer(vote(), { challenge: made })), refused('GH-FACTOR-001'));
});

const forgeries: Record<string, Fault> = {
  'another origin': { origin: 'https://gate.example.com.evil.example' },
  'the same host over http': { origin: 'http://gate.example.com' },
  'another port': { origin: 'https://gate.example.com:8443' },
  'another relying party': { rpId: 'evil.example' },
  'its parent domain': { rpId: 'example.com' },
  'no verified holder': { unverified: true },
  'another key': { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
};
for (const [name, fault] of Object.entries(forgeries)) {
  test(`an answer with ${name} is refused`, async () => {
    const { answer, prove } = await holder();
    await assert.rejects(prove(await answer(vote(), fault)), refused('GH-FACTOR-002'));
  });
  if (fault.key) continue;
  test(`a new passkey with ${name} is refused`, async () => {
    const principal = somebody();
    const options = await vault.factors.startPasskey({ principal, display: 'x' }, sessions.fresh);
    const attestation = new SoftPasskey(site).create(options, fault);
    const made = { label: '', attestation };
    await assert.rejects(vault.factors.addPasskey(principal, sessions.fresh, made), refused('GH-FACTOR-002'));
    assert.deepEqual(await vault.factors.list(principal), []);
  });
}

test('a counter that stood still or went back gives a copied authenticator away', async () => {
  const { answer, prove } = await holder();
  await prove(await answer(vote(), { counter: 10 }));
  for (const counter of [10, 9, 0]) {
    await assert.rejects(prove(await answer(vote(), { counter })), refused('GH-FACTOR-002'), String(counter));
  }
  await prove(await answer(vote(), { counter: 11 }));
});

test('what is not an answer of a passkey is refused, and says nothing of why', async () => {
  const { answer, prove } = await holder();
  const good = (await answer()) as { response: Record<string, unknown> };
  const broken: unknown[] = [
    null,
    'x',
    [],
    {},
    { ...good, id: 'other' },
    { ...good, type: 'password' },
    { ...good, response: {} },
    { ...good, response: { ...good.response, clientDataJSON: 'e30' } },
    { ...good, response: { ...good.response, clientDataJSON: '!' } },
    { ...good, response: { ...good.response, signature: 7 } },
  ];
  for (const assertion of broken)
    await assert.rejects(prove(assertion), { name: 'GatehouseError', status: 403 });
});

test('one authenticator belongs to one person: the browser leaves it out, and the gateway refuses it', async () => {
  const { key } = await holder();
  const other = somebody();
  const options = await vault.factors.startPasskey({ principal: other, display: 'x' }, sessions.invited);
  assert.ok(options.excludeCredentials?.some((one) => one.id === key.id));
  const made = { label: '', attestation: key.create(options) };
  await assert.rejects(vault.factors.addPasskey(other, sessions.invited, made), refused('GH-FACTOR-009'));
});

test('an attestation is taken once, and only for its person', async () => {
  const [one, two] = [somebody(), somebody()];
  const options = await vault.factors.startPasskey({ principal: one, display: 'x' }, sessions.invited);
  const made = { label: '', attestation: new SoftPasskey(site).create(options) };
  await assert.rejects(vault.factors.addPasskey(two, sessions.invited, made), refused('GH-FACTOR-001'));
  await assert.rejects(vault.factors.addPasskey(one, sessions.invited, made), refused('GH-FACTOR-001'));
});

test('a challenge to sign in adds no passkey, and one to add none signs nothing in', async () => {
  const { principal, key, prove } = await holder();
  const signing = await vault.factors.challenge(principal, vote());
  const made = { label: '', attestation: new SoftPasskey(site).create(signing) };
  await assert.rejects(vault.factors.addPasskey(principal, sessions.proven, made), refused('GH-FACTOR-001'));
  const adding = await vault.factors.startPasskey({ principal, display: 'x' }, sessions.proven);
  await assert.rejects(prove(key.get(adding)), refused('GH-FACTOR-001'));
});

test('pages that stay open pile no challenges up', async () => {
  const { principal } = await holder();
  for (let page = 0; page < 9; page += 1) await vault.factors.challenge(principal, vote());
  const { rowCount } = await vault.database.pool.query(
    'select 1 from factor_challenges where principal = $1',
    [principal],
  );
  assert.equal(rowCount, 5);
});

test('passkeys are there for https and localhost, not for an IP address or plain http', () => {
  const at = (publicUrl: string) =>
    createFactors({ pool: vault.database.pool, box: { seal: String, open: String }, publicUrl }).passkeys;
  for (const good of ['https://gate.example.com', 'https://gate.example.com:8443', 'http://localhost:8080'])
    assert.equal(at(good), true, good);
  for (const bad of [
    'http://127.0.0.1:8080',
    'https://10.0.0.1',
    'https://[::1]:8443',
    'http://gate.example.com',
  ])
    assert.equal(at(bad), false, bad);
});
