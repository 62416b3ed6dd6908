import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { loadCatalogue, type Catalogue } from '../../../gateway/catalogue/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { createAttachments } from '../../../gateway/delivery/index.ts';
import {
  createPolicy,
  openEpoch,
  type Epoch,
  type Policy,
  type RunContext,
} from '../../../gateway/policy/index.ts';
import {
  createConnectors,
  createKeptResults,
  createPreviews,
  prepareDemo,
  type ToolsDeps,
} from '../../../gateway/tools/index.ts';
import type { Connectors } from '../../../gateway/tools/types.ts';
import { createLeases, createSecretStore, type SecretStore } from '../../../gateway/vault/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { policiesDir } from '../policy/support.ts';

/** Everything that tools stand on, real: Postgres, policy, vault and the demo's systems of record. */
export interface Bench {
  db: TestDatabase;
  deps: ToolsDeps;
  policy: Policy;
  catalogue: Catalogue;
  epoch: Epoch;
  store: SecretStore;
  demo: pg.Pool;
  /** Replies that were sent. */
  replies: { id: string; text: string }[];
  /** What the executor was asked for. */
  jobs: { job: string; seconds: number }[];
  /** The runs that `storeRun` made known. */
  runs: Map<string, RunContext>;
  close(): Promise<void>;
}

/**
 * @param change replaces connectors, for a system that misbehaves
 * @param policies the folder of the policies; those that are shipped when left out
 * @param connections to Postgres at most
 */
export async function bench(
  change: Partial<Connectors> = {},
  policies = policiesDir,
  connections?: number,
): Promise<Bench> {
  const db = await testDatabase(connections);
  const dataDir = await mkdtemp(join(tmpdir(), 'gatehouse-tools-'));
  const log = createLogger('silent');
  const store = createSecretStore({ dataDir });
  const database = `demo_${randomBytes(5).toString('hex')}`;
  const adminUrl = process.env.GATEHOUSE_TEST_POSTGRES ?? '';
  await prepareDemo({ adminUrl, store, database });
  const demoUrl = new URL(adminUrl);
  demoUrl.pathname = `/${database}`;
  const demo = new pg.Pool({ connectionString: demoUrl.href, max: 2 });
  const catalogue = loadCatalogue(policies);
  const epoch = openEpoch(dataDir);
  const policy = await createPolicy({
    pool: db.pool,
    policiesDir: policies,
    catalogue,
    clock: () => new Date(),
    epoch,
    settings: { decisionSeconds: 300, approvalSeconds: 3600 },
  });
  const replies: { id: string; text: string }[] = [];
  const jobs: { job: string; seconds: number }[] = [];
  const runs = new Map<string, RunContext>();
  const connectors = createConnectors({
    catalogue,
    results: createKeptResults(db.pool),
    attachments: createAttachments(db.pool, { textRetentionHours: 720 }),
    renewSecret: (name, value) => store.set(name, value),
    delivery: {
      answer(_tx, answer) {
        replies.push({ id: answer.id, text: answer.body.text });
      },
      conversation: (channel, id) => ({ channel, id, route: { channel: id } }),
      post(_tx, post) {
        replies.push({ id: post.id, text: post.body.text });
        return Promise.resolve(null);
      },
    },
    approvals: {
      pendingFor: () => Promise.resolve([]),
      requestedBy: () => Promise.resolve([]),
      cancel: () => Promise.resolve(),
    },
    sandbox: {
      // Says that it used what it was opened, once.
      run: ({ egress = [] }) =>
        Promise.resolve({
          status: 'sandbox_unavailable',
          exitCode: null,
          stdout: '',
          stderr: '',
          durationMs: 0,
          reason: { code: 'no_runner', text: 'No sandbox runner is configured.' },
          artefacts: [],
          egress: egress.map(({ host, port }) => ({
            ...{ host, port, method: 'GET', path: '/', status: 200, sentBytes: 0, receivedBytes: 2 },
            ...{ outcome: 'ok', rule: null },
          })),
          encoding: { stdout: 'utf8', stderr: 'utf8' },
        }),
    },
  });
  const leases = createLeases(store);
  return {
    db,
    policy,
    catalogue,
    epoch,
    store,
    demo,
    replies,
    jobs,
    runs,
    deps: {
      pool: db.pool,
      policy,
      catalogue,
      leases,
      connectors: { ...connectors, ...change },
      preview: createPreviews({ pool: db.pool, catalogue, leases, policy, log }),
      approvals: { outdate: () => Promise.reject(new Error('nothing was approved with a preview')) },
      epoch,
      executor: {
        later(_tx, job, seconds) {
          jobs.push({ job, seconds });
          return Promise.resolve();
        },
      },
      runContext: (_db, id) => Promise.resolve(runs.get(id) ?? null),
      log,
    },
    async close() {
      await demo.end();
      await db.drop();
      const client = new pg.Client({ connectionString: adminUrl });
      await client.connect();
      await client.query(`drop database ${database} with (force)`);
      await client.query(`drop role ${database}_service, ${database}_reader`);
      await client.end();
      await rm(dataDir, { recursive: true });
    },
  };
}

/** What approvers do: turns an asked decision into its grant. */
export async function approve(at: Bench, decision: string): Promise<string> {
  const grant = await at.policy.issueGrant(at.db.pool, decision);
  assert.ok(grant);
  return grant;
}

/** Makes the run known to the database, as delivery does. */
export async function storeRun(at: Bench, run: RunContext): Promise<void> {
  at.runs.set(run.runId, run);
  await at.db.pool.query(
    `insert into messages (id, channel, session_key, principal, event, state)
     values ($1, $2, $3, $4, 'message', 'running') on conflict do nothing`,
    [run.messageId, run.channel.kind, run.sessionKey, run.principal],
  );
  await at.db.pool.query(
    `insert into runs (id, message_id, token_hash, session_key, principal, actor, calls_left, lease_until)
     values ($1, $2, $3, $4, $5, $6, 50, now() + interval '1 minute')`,
    [run.runId, run.messageId, randomBytes(32), run.sessionKey, run.principal, JSON.stringify(run.actor)],
  );
}
