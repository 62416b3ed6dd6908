import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret, TOTP } from 'otpauth';
import { createFactors, voting, type Factor, type Factors } from '../../../gateway/factors/index.ts';
import { createBox } from '../../../gateway/vault/index.ts';
import { SoftPasskey } from '../../support/passkey.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

export const site = { origin: 'https://gate.example.com', rpId: 'gate.example.com' };

/** Sessions as `SignIn.standing` tells of them. */
export const sessions = {
  old: { fresh: false, proven: false, invited: false },
  fresh: { fresh: true, proven: false, invited: false },
  invited: { fresh: true, proven: false, invited: true },
  proven: { fresh: false, proven: true, invited: false },
};

export interface Vault {
  database: TestDatabase;
  factors: Factors;
  close(): Promise<void>;
}

export async function openFactors(): Promise<Vault> {
  const database = await testDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'factors-'));
  const box = createBox({ dataDir });
  return {
    database,
    factors: createFactors({ pool: database.pool, box, publicUrl: site.origin }),
    async close() {
      await database.drop();
      await rm(dataDir, { recursive: true });
    },
  };
}

let people = 0;

/** Somebody whom no other test knows. */
export function somebody(): string {
  people += 1;
  return `person-${people}`;
}

/** A purpose as a vote has it. */
export function vote(approvalId = 'dec_1', verdict: 'approve' | 'reject' = 'approve'): string {
  return voting({ approvalId, binding: `sha256:${'ab'.repeat(32)}`, verdict });
}

/** Adds a passkey of a person. */
export async function enrolPasskey(
  { factors }: Vault,
  principal: string,
  session = sessions.invited,
  key = new SoftPasskey(site),
): Promise<{ key: SoftPasskey; factor: Factor }> {
  const options = await factors.startPasskey({ principal, display: principal }, session);
  const factor = await factors.addPasskey(principal, session, {
    label: 'Key',
    attestation: key.create(options),
  });
  return { key, factor };
}

/** Adds an authenticator app, whose first code is of the step before, so that the present one is still unused. */
export async function enrolApp(
  { factors }: Vault,
  principal: string,
  session = sessions.invited,
): Promise<{ code: (steps?: number) => string; secret: string; factor: Factor }> {
  // Codes of a step that ends meanwhile would be others' than the test says.
  const left = 30_000 - (Date.now() % 30_000);
  if (left < 4000) await sleep(left);
  const { id, secret } = await factors.startCode(principal, session);
  const code = (steps = 0): string =>
    new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });
  const factor = await factors.addCode(principal, session, { id, label: 'App', code: code(-1) });
  return { code, secret, factor };
}

/** Lets a day go by for the factors of a person. */
export async function ripen({ database }: Vault, principal: string): Promise<void> {
  await database.pool.query(
    `update factors set votes_from = votes_from - interval '24 hours' where principal = $1`,
    [principal],
  );
}
