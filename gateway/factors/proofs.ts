import {
  generateAuthenticationOptions,
  type PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import { transaction } from '../db/index.ts';
import { openChallenge, takeChallenge } from './challenges.ts';
import { stepOf } from './codes.ts';
import type { FactorDeps } from './deps.ts';
import { readAssertion, verifyAssertion } from './passkeys.ts';
import { changing } from './purpose.ts';
import { refusals } from './refusals.ts';
import { clockOf, factorsOf, lockPerson, provers, type FactorRow } from './store.ts';

/** @throws GatehouseError `GH-FACTOR-006` where no passkey may prove it */
export async function challenge(
  deps: FactorDeps,
  principal: string,
  purpose: string,
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const able = provers(await factorsOf(deps.pool, principal), 'passkey', purpose === changing);
  if (!deps.party || able.length === 0) throw refusals.none('passkey');
  return generateAuthenticationOptions({
    rpID: deps.party.id,
    challenge: Buffer.from(await openChallenge(deps.pool, principal, purpose), 'base64url'),
    allowCredentials: able.map((row) => ({ id: credentialOf(row), transports: row.transports ?? [] })),
    userVerification: 'required',
    timeout: 120_000,
  });
}

/** @returns the authenticator that signed @throws GatehouseError `GH-FACTOR-001`, `-002`, `-005`, `-006` */
export async function proveByPasskey(
  deps: FactorDeps,
  principal: string,
  purpose: string,
  assertion: unknown,
): Promise<string> {
  const { party } = deps;
  if (!party) throw refusals.none('passkey');
  const answer = readAssertion(assertion);
  if (!(await takeChallenge(deps.pool, principal, purpose, answer.challenge))) throw refusals.challenge();
  return transaction(deps.pool, async (tx) => {
    await lockPerson(tx, principal);
    const rows = await factorsOf(tx, principal);
    const row = rows.find((one) => one.authenticator === `passkey:${answer.json.id}`);
    if (!row?.publicKey) throw refusals.passkey();
    const counter = await verifyAssertion(party, answer, {
      id: answer.json.id,
      publicKey: new Uint8Array(row.publicKey),
      counter: row.counter ?? 0,
    });
    if (!provers(rows, 'passkey', purpose === changing).includes(row)) throw refusals.tooNew(row.votesFrom);
    await tx.query('update factors set counter = $2, last_used_at = clock_timestamp() where id = $1', [
      row.id,
      counter,
    ]);
    return row.authenticator;
  });
}

/** @returns the authenticator that showed the code @throws GatehouseError `GH-FACTOR-003` to `-006` */
export async function proveByCode(
  deps: FactorDeps,
  principal: string,
  purpose: string,
  code: string,
): Promise<string> {
  await deps.tries.spend(principal);
  const authenticator = await transaction(deps.pool, async (tx) => {
    await lockPerson(tx, principal);
    const rows = await factorsOf(tx, principal);
    const codes = rows.filter((row) => row.kind === 'code');
    if (codes.length === 0) throw refusals.none('authenticator app');
    const able = provers(rows, 'code', purpose === changing);
    const now = await clockOf(tx);
    for (const row of codes) {
      const step = stepOf(deps.box.open(row.id, row.sealedSecret ?? ''), code, now);
      if (step === null || step <= (row.lastStep ?? 0)) continue;
      if (!able.includes(row)) throw refusals.tooNew(row.votesFrom);
      await tx.query('update factors set last_step = $2, last_used_at = clock_timestamp() where id = $1', [
        row.id,
        step,
      ]);
      return row.authenticator;
    }
    throw refusals.code();
  });
  await deps.tries.giveBack(principal);
  return authenticator;
}

/** The credential id of a passkey, base64url. */
export function credentialOf(row: Pick<FactorRow, 'authenticator'>): string {
  return row.authenticator.slice('passkey:'.length);
}
