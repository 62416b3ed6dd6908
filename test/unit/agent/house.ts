import { randomBytes } from 'node:crypto';
import {
  createAgent,
  createModels,
  createPrompts,
  type Agent,
  type AgentDeps,
  type AgentRequest,
} from '../../../gateway/agent/index.ts';
import { createApprovals, type Approvals } from '../../../gateway/approvals/index.ts';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { createLogger, type Logger } from '../../../gateway/config/index.ts';
import { openPool, Signals, type Pool } from '../../../gateway/db/index.ts';
import { createAttachments } from '../../../gateway/delivery/index.ts';
import { createEgress } from '../../../gateway/egress/index.ts';
import { uuidv7 } from '../../../gateway/envelope/index.ts';
import { createPolicy, openEpoch, type RunContext } from '../../../gateway/policy/index.ts';
import type { Sandbox } from '../../../gateway/sandbox/index.ts';
import { createPeople } from '../../../gateway/sessions/index.ts';
import {
  createConnectors,
  createKeptResults,
  createPreviews,
  createTools,
  type Tools,
} from '../../../gateway/tools/index.ts';
import type { FileFolders } from '../../../gateway/tools/connectors/index.ts';
import { createLeases, createSecretStore, type SecretStore } from '../../../gateway/vault/index.ts';
import { runOf } from '../policy/support.ts';

/** Where a house keeps what outlives its process. */
export interface Ground {
  databaseUrl: string;
  dataDir: string;
  policiesDir: string;
}

/** The agent over the real rooms below it; delivery alone is a stand-in that keeps what it was told. */
export interface House {
  agent: Agent;
  /** What the rooms were built from. */
  deps: AgentDeps;
  /** Another agent over the same rooms. */
  another(): Agent;
  approvals: Approvals;
  tools: Tools;
  pool: Pool;
  store: SecretStore;
  replies: string[];
  close(): Promise<void>;
}

/** Where code runs and files lie. */
export interface Rooms {
  sandbox?: Sandbox;
  files?: FileFolders;
}
const noSandbox: Sandbox = { run: () => Promise.reject(new Error('no sandbox here')) };

/** @param change replaces parts, for one that misbehaves */
export async function openHouse(
  { databaseUrl, dataDir, policiesDir }: Ground,
  change: (deps: AgentDeps) => Partial<AgentDeps> = () => ({}),
  log: Logger = createLogger('silent'),
  { sandbox = noSandbox, files }: Rooms = {},
): Promise<House> {
  const pool = openPool(databaseUrl, 12);
  const signals = new Signals(databaseUrl);
  await signals.start();
  const store = createSecretStore({ dataDir });
  const catalogue = loadCatalogue(policiesDir);
  const people = await createPeople({ pool, policiesDir });
  const policy = await createPolicy({
    ...{ pool, policiesDir, catalogue, people },
    clock: () => new Date(),
    epoch: openEpoch(dataDir),
    settings: { decisionSeconds: 300, approvalSeconds: 3600 },
  });
  const leases = createLeases(store);
  const replies: string[] = [];
  const preview = createPreviews({ pool, catalogue, leases, policy, log });
  const contexts = (_db: unknown, runId: string): Promise<RunContext | null> => contextOf(pool, runId);
  const reply = (_tx: unknown, { body }: { body: { text: string } }): Promise<string> => {
    replies.push(body.text);
    return Promise.resolve(uuidv7());
  };
  const approvals = createApprovals({
    ...{ pool, signals, policy, catalogue, people, preview, log },
    delivery: {
      reply,
      notify: () => Promise.resolve(1),
      notifyAll: (_tx, notices) => Promise.resolve(notices.map(() => 1)),
      runContext: contexts,
      runWaiting: () => Promise.reject(new Error('the agent waits by itself')),
      runResumed: () => Promise.resolve(true),
      runAgain: () => Promise.resolve(false),
      runDone: () => Promise.resolve(true),
    },
    settings: { publicUrl: 'https://gate.example.com', n8nUrl: 'http://127.0.0.1:9', approvalSeconds: 600 },
    signingSecret: `whsec_${randomBytes(24).toString('base64')}`,
    clock: () => new Date(),
    timing: { poll: 40 },
  });
  const tools = createTools({
    ...{ pool, policy, catalogue, leases, preview, approvals, log },
    connectors: createConnectors({
      catalogue,
      results: createKeptResults(pool),
      attachments: createAttachments(pool, { textRetentionHours: 720 }),
      renewSecret: (name, value) => store.set(name, value),
      delivery: {
        answer: (_tx, { body }) => {
          replies.push(body.text);
        },
        conversation: (channel, id) => ({ channel, id, route: { channel: id } }),
        post: reply,
      },
      approvals,
      sandbox,
      ...(files && { files }),
    }),
    epoch: openEpoch(dataDir),
    executor: { later: () => Promise.resolve() },
    runContext: contexts,
  });
  const deps: AgentDeps = {
    ...{ pool, signals, policy, catalogue, tools, approvals, leases, log },
    egress: createEgress(),
    models: await createModels({ policiesDir }),
    prompts: await createPrompts({ policiesDir }),
    runContext: contexts,
  };
  const agents: Agent[] = [];
  const another = (): Agent => {
    const made = createAgent({ ...deps, ...change(deps) });
    agents.push(made);
    return made;
  };
  const agent = another();
  await approvals.start();
  return {
    ...{ agent, deps, another, approvals, tools, pool, store, replies },
    async close() {
      for (const one of agents) await one.rest();
      await approvals.stop();
      await policy.stop();
      await signals.stop();
      await pool.end();
    },
  };
}

/** A run of a message, as delivery opens it; what it was asked is kept with it. */
export async function openRun(pool: Pool, change: Partial<RunContext> = {}): Promise<RunContext> {
  const runId = uuidv7();
  const run = runOf({
    runId,
    messageId: `web:local:requester:${runId}:0`,
    sessionKey: `s-${runId}`,
    ...change,
  });
  await pool.query(
    `insert into messages (id, channel, session_key, principal, event, state, envelope)
     values ($1, 'web', $2, $3, 'created', 'running', $4)`,
    [
      run.messageId,
      run.sessionKey,
      run.principal,
      JSON.stringify({ ofTheTest: run, data: { content: { text: run.text } } }),
    ],
  );
  await pool.query(
    `insert into runs (id, message_id, token_hash, session_key, principal, actor, calls_left, lease_until)
     values ($1, $2, $3, $4, $5, $6, 50, now() + interval '1 minute')`,
    [run.runId, run.messageId, randomBytes(32), run.sessionKey, run.principal, JSON.stringify(run.actor)],
  );
  return run;
}

async function contextOf(pool: Pool, runId: string): Promise<RunContext | null> {
  const { rows } = await pool.query<{ run: RunContext | null }>(
    `select m.envelope->'ofTheTest' as run from runs r join messages m on m.id = r.message_id where r.id = $1`,
    [runId],
  );
  return rows[0]?.run ?? null;
}

export const asked = (change: Partial<AgentRequest> = {}): AgentRequest => ({
  step: 'agent:0:0',
  task: 'plan',
  input: {},
  prompt: null,
  template: null,
  tools: null,
  modelClass: null,
  budget: {},
  schema: null,
  ...change,
});
