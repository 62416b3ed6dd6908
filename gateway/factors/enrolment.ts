import {
  generateRegistrationOptions,
  type PublicKeyCredentialCreationOptionsJSON,
} from '@simplewebauthn/server';
import { transaction, type Transaction } from '../db/index.ts';
import { digestOfText, newToken } from '../envelope/index.ts';
import { announce, checkSession, votesFrom } from './changes.ts';
import { openChallenge, takeChallenge } from './challenges.ts';
import { codeUri, newSecret, stepOf } from './codes.ts';
import type { FactorDeps } from './deps.ts';
import { readAttestation, verifyAttestation } from './passkeys.ts';
import { credentialOf } from './proofs.ts';
import { enrolling } from './purpose.ts';
import { refusals } from './refusals.ts';
import { clockOf, factorsOf, lockPerson, shown } from './store.ts';
import type { Factor, NewCode, SessionStanding } from './types.ts';

/** How long an app has to show its first code. */
const setUpTime = '10 minutes';

/** Starts a passkey. An authenticator that holds one for anybody here is left out: it would stand for two people. */
export async function startPasskey(
  deps: FactorDeps,
  person: { principal: string; display: string },
  session: SessionStanding,
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  if (!deps.party) throw refusals.none('address for a passkey');
  await checkSession(deps.pool, person.principal, session);
  const { rows } = await deps.pool.query<{ authenticator: string }>(
    `select authenticator from factors where kind = 'passkey' and removed_at is null order by created_at desc limit 1000`,
  );
  return generateRegistrationOptions({
    rpName: 'Gatehouse',
    rpID: deps.party.id,
    userID: new Uint8Array(Buffer.from(digestOfText(person.principal).slice('sha256:'.length), 'hex')),
    userName: person.principal,
    userDisplayName: person.display,
    challenge: Buffer.from(await openChallenge(deps.pool, person.principal, enrolling), 'base64url'),
    timeout: 120_000,
    attestationType: 'none',
    excludeCredentials: rows.map((row) => ({ id: credentialOf(row) })),
    authenticatorSelection: { residentKey: 'discouraged', userVerification: 'required' },
  });
}

/** Takes the passkey that the browser made. */
export async function addPasskey(
  deps: FactorDeps,
  principal: string,
  session: SessionStanding,
  made: { label: string; attestation: unknown },
): Promise<Factor> {
  const { party } = deps;
  if (!party) throw refusals.none('address for a passkey');
  const answer = readAttestation(made.attestation);
  if (!(await takeChallenge(deps.pool, principal, enrolling, answer.challenge))) throw refusals.challenge();
  const { id, publicKey, counter } = await verifyAttestation(party, answer);
  return transaction(deps.pool, async (tx) => {
    await lockPerson(tx, principal);
    await checkSession(tx, principal, session);
    const factor = newToken('factor');
    const { rowCount } = await tx.query(
      `insert into factors (id, principal, kind, label, authenticator, public_key, counter, transports, confirmed_at,
         votes_from) values ($1, $2, 'passkey', $3, $4, $5, $6, $7, clock_timestamp(), $8) on conflict do nothing`,
      [
        factor,
        principal,
        labelOf(made.label, 'Passkey'),
        `passkey:${id}`,
        Buffer.from(publicKey),
        counter,
        answer.json.response.transports ?? [],
        await votesFrom(tx, principal, session),
      ],
    );
    if (rowCount !== 1) throw refusals.taken();
    return added(tx, principal, factor);
  });
}

/** Makes the secret of an app. It is shown once; only its sealed form is kept. */
export async function startCode(
  deps: FactorDeps,
  principal: string,
  session: SessionStanding,
): Promise<NewCode> {
  const [id, secret] = [newToken('factor'), newSecret()];
  await transaction(deps.pool, async (tx) => {
    await lockPerson(tx, principal);
    await checkSession(tx, principal, session);
    await tx.query('delete from factors where principal = $1 and confirmed_at is null', [principal]);
    await tx.query(
      `insert into factors (id, principal, kind, label, authenticator, sealed_secret)
       values ($1, $2, 'code', '', $3, $4)`,
      [id, principal, `code:${id}`, deps.box.seal(id, secret)],
    );
  });
  return { id, secret, uri: codeUri(secret, `Gatehouse ${deps.host}`, principal) };
}

/** Takes the app once it shows a right code, which is then used up. */
export async function addCode(
  deps: FactorDeps,
  principal: string,
  session: SessionStanding,
  made: { id: string; label: string; code: string },
): Promise<Factor> {
  await deps.tries.spend(principal);
  const factor = await transaction(deps.pool, async (tx) => {
    await lockPerson(tx, principal);
    await checkSession(tx, principal, session);
    const { rows } = await tx.query<{ sealed: string }>(
      `select sealed_secret as sealed from factors where id = $1 and principal = $2 and confirmed_at is null
         and created_at > clock_timestamp() - $3::interval`,
      [made.id, principal, setUpTime],
    );
    if (!rows[0]) throw refusals.unknown();
    const step = stepOf(deps.box.open(made.id, rows[0].sealed), made.code, await clockOf(tx));
    if (step === null) throw refusals.code();
    await tx.query(
      `update factors set label = $2, last_step = $3, votes_from = $4, confirmed_at = clock_timestamp() where id = $1`,
      [made.id, labelOf(made.label, 'Authenticator app'), step, await votesFrom(tx, principal, session)],
    );
    return added(tx, principal, made.id);
  });
  await deps.tries.giveBack(principal);
  return factor;
}

async function added(tx: Transaction, principal: string, id: string): Promise<Factor> {
  const row = (await factorsOf(tx, principal)).find((one) => one.id === id);
  if (!row) throw refusals.unknown();
  await announce(tx, { principal, what: 'added', by: principal }, row);
  return shown(row);
}

function labelOf(label: string, otherwise: string): string {
  const clean = label
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
    .trim()
    .slice(0, 40)
    .trim();
  return clean === '' ? otherwise : clean;
}
