import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { createLogger } from '../../../gateway/config/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import { createLeases, createSecretStore, openSecrets, type Leases } from '../../../gateway/vault/index.ts';
import { queryOn, testDatabase, testServer } from '../../support/postgres.ts';
import { findVault, installVault } from '../../support/vault-build.ts';
import type { Bench } from '../main.ts';
import { atMost, median, ratios } from '../report.ts';

const rounds = 5;
const leasesARound = 5000;
const secret = 'crm/token';
const target = { tool: 'crm.search', method: 'GET', host: 'api.example.com', path: '/v1' };

/** Milliseconds of each of `count` runs, one after the other. */
async function timed(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < count; run += 1) {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b);
}
const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;

/** What a lease costs a call: from the encrypted file, and from a real Vault beside a bare HTTP read of the same secret. */
export const bench: Bench = async (say) => {
  const file = await fromFile(say);
  const vault = await fromVault(say);
  return {
    results: [
      { what: 'lease from the file store; p50', value: median(file.p50), unit: 'ms' },
      { what: 'the same, p99', value: median(file.p99), unit: 'ms' },
      { what: 'lease from a Vault (KV version 2); p50', value: median(vault.lease), unit: 'ms' },
      { what: 'a bare HTTP read of that secret; p50', value: median(vault.bare), unit: 'ms' },
    ],
    bars: [
      atMost('lease from the file store: p99, ms', median(file.p99), 1),
      atMost('commits ÷ leases from the file store', file.commits / (rounds * leasesARound), 0.001),
      atMost('lease from a Vault ÷ a bare HTTP read', median(ratios(vault.lease, vault.bare)), 1.3),
    ],
  };
};

/** Leases that ride in a transaction, as an attempt opens them; what is timed is the lending. */
async function fromFile(
  say: (text: string) => void,
): Promise<{ p50: number[]; p99: number[]; commits: number }> {
  const db = await testDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'gatehouse-bench-vault-'));
  try {
    const store = createSecretStore({ dataDir });
    for (let other = 0; other < 50; other += 1) await store.set(`other/s${other}`, 'x'.repeat(200));
    await store.set(secret, 'y'.repeat(40));
    const lend = await lending(createLeases(store), db.pool);
    await timed(2000, lend);
    const name = new URL(db.url).pathname.slice(1);
    const before = await commitsOf(name);
    const all: number[][] = [];
    for (let round = 0; round < rounds; round += 1) {
      say(`file store, round ${round + 1} of ${rounds}`);
      all.push(await timed(leasesARound, lend));
    }
    return {
      p50: all.map((times) => quantile(times, 0.5)),
      p99: all.map((times) => quantile(times, 0.99)),
      commits: (await commitsOf(name)) - before,
    };
  } finally {
    await db.drop();
    await rm(dataDir, { recursive: true });
  }
}

/**
 * What Postgres has committed in a database, with what it does there by itself now and then; asked from another one, so that
 * the question does not count.
 */
async function commitsOf(database: string): Promise<number> {
  // Sessions report what they did about once a second.
  await wait(2000);
  const [row] = await queryOn(testServer())<{ commits: string }>(
    'select xact_commit as commits from pg_stat_database where datname = $1',
    [database],
  );
  return Number(row?.commits);
}

async function lending(
  leases: Leases,
  pool: Awaited<ReturnType<typeof testDatabase>>['pool'],
): Promise<() => Promise<void>> {
  const lease = await transaction(pool, (tx) =>
    leases.open(tx, { attemptId: 'att_bench', messageId: 'm1', secret, target }),
  );
  return async () => {
    const lent = await leases.lend(lease, target);
    await lent.giveBack();
  };
}

async function fromVault(say: (text: string) => void): Promise<{ lease: number[]; bare: number[] }> {
  if (!(await findVault())) await installVault(say);
  const { startVault } = await import('../../support/vault-server.ts');
  const vault = await startVault();
  const db = await testDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), 'gatehouse-bench-vault-'));
  const agent = new Agent();
  try {
    const policy = 'path "secret/data/*" { capabilities = ["read"] }';
    const role = await vault.appRole('bench', { bench: policy }, { token_ttl: '1h' });
    await vault.call('POST', `secret/data/${secret}`, { data: { value: 'y'.repeat(40) } });
    const { auth } = await vault.call('POST', 'auth/approle/login', {
      role_id: role.roleId,
      secret_id: role.secretId,
    });
    await writeFile(
      join(dataDir, 'secrets.yaml'),
      `stores:\n  corp: { kind: vault, address: '${vault.address}', appRole: { roleId: ${role.roleId} } }\nsecrets:\n  - { names: crm/, store: corp }\n`,
    );
    await createSecretStore({ dataDir }).set('stores/corp/secret-id', role.secretId);
    const log = createLogger('silent');
    const secrets = await openSecrets({ dataDir, policiesDir: dataDir, production: true, log });
    const lend = await lending(createLeases(secrets), db.pool);
    const bare = async (): Promise<void> => {
      const { body } = await request(`${vault.address}/v1/secret/data/${secret}`, {
        headers: { 'x-vault-token': auth.client_token },
        dispatcher: agent,
      });
      const { data } = (await body.json()) as { data: { data: { value: string } } };
      if (data.data.value.length !== 40) throw new Error('this is not the secret');
    };
    await timed(500, lend);
    await timed(500, bare);
    const found: { lease: number[]; bare: number[] } = { lease: [], bare: [] };
    for (let round = 0; round < rounds; round += 1) {
      say(`Vault, round ${round + 1} of ${rounds}`);
      found.bare.push(quantile(await timed(1000, bare), 0.5));
      found.lease.push(quantile(await timed(1000, lend), 0.5));
    }
    await secrets.close();
    return found;
  } finally {
    await agent.close();
    await vault.stop();
    await db.drop();
    await rm(dataDir, { recursive: true });
  }
}
