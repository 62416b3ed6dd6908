import { createSecretKey } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PgBoss } from 'pg-boss';
import { Agent, request } from 'undici';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { createWeb } from '../../../gateway/channels/index.ts';
import { createLogger, loadSettings } from '../../../gateway/config/index.ts';
import { openPool, Signals, type Pool } from '../../../gateway/db/index.ts';
import { createDelivery, type Delivery } from '../../../gateway/delivery/index.ts';
import {
  callDigest,
  createPolicy,
  openEpoch,
  policyInput,
  type RunContext,
} from '../../../gateway/policy/index.ts';
import { close, internalApp, listen } from '../../../gateway/server/index.ts';
import { route, type Route } from '../../../gateway/server/route.ts';
import { DecisionRequest } from '../../../gateway/server/requests.ts';
import { createClients, createLimits, createPairing, createPeople } from '../../../gateway/sessions/index.ts';
import { serve } from '../server.ts';

/** What the parent gives each server. */
interface Data {
  databaseUrl: string;
  policiesDir: string;
  opaUrl: string;
}

const log = createLogger('error');

type Decide = (
  run: RunContext,
  call: { tool: string; args: Record<string, unknown>; step: string },
) => Promise<unknown>;

const deciders: Record<
  string,
  (pool: Pool, data: Data, settings: ReturnType<typeof loadSettings>) => Promise<Decide>
> = {
  async gatehouse(pool, data, settings) {
    const catalogue = loadCatalogue(data.policiesDir);
    const epoch = openEpoch(settings.dataDir);
    const clock = (): Date => new Date();
    const policy = await createPolicy({
      pool,
      policiesDir: data.policiesDir,
      catalogue,
      clock,
      epoch,
      settings,
    });
    return (run, call) => policy.decide(run, call);
  },
  async rest(pool, data) {
    const catalogue = loadCatalogue(data.policiesDir);
    const dispatcher = new Agent({ connections: 32, pipelining: 1 });
    return async (run, call) => {
      const tool = catalogue.get(call.tool);
      if (!tool || tool.check(call.args))
        throw new Error('the bench asks for a call that is not in the catalogue');
      const { digest } = callDigest(call.tool, call.args);
      const input = await policyInput({ catalogue, clock: () => new Date() }, { run, tool, args: call.args });
      const answer = await request(data.opaUrl, {
        dispatcher,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ input }),
      });
      const { result } = (await answer.body.json()) as { result: { effect: string; reasons: unknown } };
      await pool.query(insertAudit, [
        run.messageId,
        call.step,
        call.tool,
        digest,
        result.effect,
        JSON.stringify(result.reasons),
      ]);
      return result;
    };
  },

  /** No decision at all: what two durable rows cost that were stored together. */
  async floor(pool) {
    return async (run, call) => {
      const { digest } = callDigest(call.tool, call.args);
      const client = await pool.connect();
      try {
        await client.query('begin');
        const { rows } = await client.query<{ id: string }>(insertAudit, [
          run.messageId,
          call.step,
          call.tool,
          digest,
          'allow',
          '[]',
        ]);
        await client.query('insert into bench_grant (id, digest) values ($1, $2)', [rows[0]?.id, digest]);
        await client.query('commit');
      } finally {
        client.release();
      }
      return { effect: 'allow' };
    };
  },
};

const insertAudit = `insert into bench_audit (message_id, step, tool, digest, effect, reasons)
  values ($1, $2, $3, $4, $5, $6) returning id`;

/** A message of the demo's requester, dispatched to a stand-in for n8n that keeps its run token. */
async function oneRun(
  pool: Pool,
  settings: ReturnType<typeof loadSettings>,
): Promise<{ delivery: Delivery; token: string; stop: () => Promise<void> }> {
  let taken: (token: string) => void = () => undefined;
  const token = new Promise<string>((resolve) => (taken = resolve));
  const n8n = createServer((incoming, response) => {
    let text = '';
    incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    incoming.on('end', () => {
      response.end('{}');
      if (text) taken((JSON.parse(text) as { run: { token: string } }).run.token);
    });
  });
  n8n.listen(0, '127.0.0.1');
  await once(n8n, 'listening');
  const signals = new Signals(settings.databaseUrl);
  await signals.start();
  const boss = new PgBoss({ connectionString: settings.databaseUrl, max: 2 });
  await boss.start();
  const people = await createPeople({ pool, policiesDir: settings.policiesDir });
  const web = createWeb();
  const delivery = createDelivery({
    pool,
    signals,
    boss,
    settings: {
      ...settings,
      n8nUrl: `http://127.0.0.1:${(n8n.address() as AddressInfo).port}`,
      runLeaseSeconds: 3600,
    },
    adapters: new Map([[web.kind, web]]),
    people,
    pairing: createPairing({ pool, people }),
    callOf: () => null,
    factors: { takeNews: async () => [] },
    automations: { get: () => undefined },
    limits: await createLimits({ policiesDir: settings.policiesDir }),
    signingSecret: `whsec_${Buffer.alloc(32).toString('base64')}`,
    sessionSecret: createSecretKey(Buffer.alloc(32)),
    clock: () => new Date(),
    log,
  });
  await delivery.start();
  await delivery.ingest([web.message('requester', 'Robin', '/balance')]);
  return {
    delivery,
    token: await token,
    async stop() {
      await delivery.stop();
      await boss.stop({ graceful: false });
      await signals.stop();
      n8n.closeAllConnections();
      n8n.close();
    },
  };
}

// All variants are the same Express app with the same guards, run lookup, body schema and pool; they differ in how a
// call is decided and what is stored.
await serve<Data>(async (variant, data) => {
  const settings = loadSettings({
    GATEHOUSE_DATABASE_URL: data.databaseUrl,
    GATEHOUSE_POLICIES_DIR: data.policiesDir,
    GATEHOUSE_DATA_DIR: await mkdtemp(join(tmpdir(), 'gatehouse-bench-')),
    GATEHOUSE_RUN_CALL_BUDGET: '2000000000',
    GATEHOUSE_N8N_URL: 'http://127.0.0.1:9',
  });
  const pool = openPool(data.databaseUrl, 20);
  const { delivery, token, stop } = await oneRun(pool, settings);
  const decide = await deciders[variant]?.(pool, data, settings);
  if (!decide) throw new Error(`no such variant: ${variant}`);
  const routes: Route[] = [
    route({
      method: 'post',
      path: '/v1/decisions',
      summary: 'Decide one tool call',
      scope: 'run',
      body: DecisionRequest,
      async handle({ body }) {
        const { run, ...call } = body;
        return decide(await delivery.authenticateRun(run), call);
      },
    }),
  ];
  const clients = createClients({ pool });
  const client = await clients.issue('bench', ['run']);
  const app = internalApp({ routes, clients, checks: {}, openapi: () => ({}), log });
  const server = await listen(app, '127.0.0.1', 0, 'none');
  return {
    ready: {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/decisions`,
      client,
      run: token,
    },
    async stop() {
      await close(server);
      await stop();
      await pool.end();
    },
  };
});
