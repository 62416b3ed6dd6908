import { setTimeout as sleep } from 'node:timers/promises';
import type { ApprovalsDeps } from '../../../gateway/approvals/index.ts';
import { inbox } from '../../../gateway/approvals/inbox.ts';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { openPool, type Pool } from '../../../gateway/db/index.ts';
import { createClients, createPeople, createSignIn } from '../../../gateway/sessions/index.ts';
import { prepareDemo } from '../../../gateway/tools/index.ts';
import { createSecretStore } from '../../../gateway/vault/index.ts';
import { gatewayFolder, startGateway, type GatewayProcess } from '../../support/gateway.ts';
import { testDatabase, testServer } from '../../support/postgres.ts';
import type { Bench } from '../main.ts';
import { atLeast, atMost } from '../report.ts';
import { startServer } from '../server.ts';
import { settledOf } from './outcomes.ts';
import { peopleFor, requesters, voters } from './people.ts';
import { send, type Person } from './person.ts';
import type { Voted } from './server.ts';
import { startWorkflow, type Workflow } from './workflow.ts';

/** What the last of the requesters ask for is due so soon that deadlines pass under the votes. */
const lateOnes = 16;
const shortSeconds = 15;
const cancelled = 40;
const readEveryMs = 20;

/**
 * Fifty people who read their inbox and decide what it shows, each after a look of about a second, while requesters take
 * requests back and deadlines pass; beside them, the inbox query as a second gateway makes it.
 */
export const bench: Bench = async (say) => {
  const database = await testDatabase();
  const pool = openPool(database.url, 4);
  const folder = await gatewayFolder(async ({ policiesDir, dataDir }) => {
    await peopleFor(policiesDir);
    await prepareDemo({ adminUrl: testServer(), store: createSecretStore({ dataDir }) });
  });
  const workflow = await startWorkflow();
  const start = (approvalSeconds: number): Promise<GatewayProcess> =>
    startGateway(folder, {
      GATEHOUSE_DATABASE_URL: database.url,
      GATEHOUSE_N8N_URL: workflow.url,
      GATEHOUSE_APPROVAL_SECONDS: String(approvalSeconds),
      GATEHOUSE_LOG_LEVEL: 'error',
    });
  let gateway = await start(3600);
  try {
    const client = await createClients({ pool }).issue('bench', ['run']);
    const askers = await signedIn(pool, requesters);
    const deciders = await signedIn(pool, voters);
    const askAll = async (people: readonly Person[]): Promise<void> => {
      workflow.api = { url: gateway.internalUrl, client };
      for (const person of people) await ask(gateway, person, `/ask ${person.principal}`);
      await settled(
        workflow,
        () => workflow.asked.length >= 3 * (askers.indexOf(people.at(-1) as Person) + 1),
      );
    };
    await askAll(askers.slice(0, -lateOnes));
    say(`approvals: ${workflow.asked.length} requests wait`);
    await gateway.stop();
    gateway = await start(shortSeconds);
    await askAll(askers.slice(-lateOnes));
    const pending = await countPending(pool);
    say(`approvals: ${pending} requests wait, ${voters.length} people vote`);

    let voting = true;
    const votes = startServer<Voted>(new URL('server.ts', import.meta.url).pathname, 'voters', {
      base: gateway.publicUrl,
      people: deciders,
    }).finally(() => (voting = false));
    const [load, reads] = await Promise.all([
      votes,
      readInboxes(pool, folder.policiesDir, () => voting),
      takeBack(gateway, pool, askers),
    ]);
    const voted = load.ready;
    await load.stop();
    await until(async () => (await countPending(pool)) === 0);
    const { states, double } = await settledOf(pool, workflow);
    const failures = [...voted.failures, ...workflow.failures];
    if (failures.length > 0) throw new Error(`${failures.length} failures, such as: ${failures[0]}`);
    return {
      results: [
        { what: 'requests pending at the start', value: pending, unit: '' },
        { what: 'votes that counted', value: voted.counted, unit: '' },
        { what: 'votes that came too late', value: voted.refused, unit: '' },
        { what: 'votes that counted, a second', value: voted.counted / voted.seconds, unit: '/s' },
        ...Object.entries(states).map(([state, value]) => ({ what: `ended ${state}`, value, unit: '' })),
        { what: 'inbox query, p50', value: percentile(reads, 0.5), unit: 'ms' },
        { what: 'inbox queries', value: reads.length, unit: '' },
        {
          what: 'page of the inbox for a voter, 50 at once, p50',
          value: percentile(voted.pages, 0.5),
          unit: 'ms',
        },
      ],
      bars: [
        atLeast('requests pending at the start', pending, 1000),
        atMost('requests with another number of outcomes than one', double, 0),
        atMost('p99 of the inbox query meanwhile, ms', percentile(reads, 0.99), 50),
      ],
    };
  } finally {
    await gateway.stop();
    await workflow.stop();
    await pool.end();
    await database.drop();
    await folder.remove();
  }
};

async function signedIn(pool: Pool, principals: readonly string[]): Promise<Person[]> {
  const signIn = createSignIn({ pool });
  const people: Person[] = [];
  for (const principal of principals) {
    const session = await signIn.redeem(await signIn.issueLogin(principal, 3600));
    if (!session) throw new Error(`${principal} could not sign in`);
    people.push(session);
  }
  return people;
}

async function ask(gateway: GatewayProcess, person: Person, text: string): Promise<void> {
  const status = await send(gateway.publicUrl, person, '/messages', { text });
  if (status !== 303) throw new Error(`the gateway answered ${status} to a message`);
}

/** The inbox of one voter after another, over a pool of its own like that of a second gateway. */
async function readInboxes(pool: Pool, policiesDir: string, going: () => boolean): Promise<number[]> {
  const people = await createPeople({ pool, policiesDir });
  const deps = { pool, people, catalogue: loadCatalogue(policiesDir), clock: () => new Date() };
  const samples: number[] = [];
  while (going()) {
    const viewer = voters[samples.length % voters.length] ?? '';
    const from = performance.now();
    await inbox(deps as unknown as ApprovalsDeps, viewer, { list: 'needed', group: 'requester' });
    samples.push(performance.now() - from);
    await sleep(readEveryMs);
  }
  return samples;
}

/** Takes open requests back, one after another, by a chat message of whoever asked. */
async function takeBack(gateway: GatewayProcess, pool: Pool, askers: readonly Person[]): Promise<void> {
  for (let count = 0; count < cancelled; count += 1) {
    const { rows } = await pool.query<{ id: string; requester: string }>(
      `select id, requester from approvals where state = 'pending' order by random() limit 1`,
    );
    const person = askers.find(({ principal }) => principal === rows[0]?.requester);
    if (!person) return;
    await ask(gateway, person, `/cancel ${rows[0]?.id}`);
    await sleep(100);
  }
}

async function countPending(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ open: number }>(
    `select count(*)::int as open from approvals where state = 'pending'`,
  );
  return rows[0]?.open ?? 0;
}

async function settled(workflow: Workflow, done: () => boolean): Promise<void> {
  await until(() => {
    if (workflow.failures.length > 0) throw new Error(workflow.failures[0]);
    return Promise.resolve(done());
  });
}

async function until(done: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 600_000;
  while (!(await done())) {
    if (Date.now() > end) throw new Error('it took longer than ten minutes');
    await sleep(100);
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
