import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { createPolicy, openEpoch, type Epoch, type Policy } from '../../../gateway/policy/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { policiesDir } from './support.ts';

/** What a policy stands on, real: a Postgres database and an epoch, each of its own. */
export interface PolicyBench {
  db: TestDatabase;
  /** A folder that is removed in the end; the epoch is kept there. */
  folder: string;
  epoch: Epoch;
  /** Opens the shipped policy as a gateway does; `change` replaces what a test is about. */
  open(change?: Partial<Parameters<typeof createPolicy>[0]>): Promise<Policy>;
  close(): Promise<void>;
}

export async function policyBench(): Promise<PolicyBench> {
  const db = await testDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-policy-'));
  const epoch = openEpoch(folder);
  return {
    db,
    folder,
    epoch,
    open: (change = {}) =>
      createPolicy({
        pool: db.pool,
        policiesDir,
        catalogue: loadCatalogue(change.policiesDir ?? policiesDir),
        clock: () => new Date(),
        epoch,
        settings: { decisionSeconds: 300, approvalSeconds: 3600 },
        ...change,
      }),
    async close() {
      await db.drop();
      await rm(folder, { recursive: true });
    },
  };
}
