import { createSecretKey } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { PgBoss } from 'pg-boss';
import express from 'express';
import { createSlack } from '../../../gateway/channels/index.ts';
import { verifySlackSignature } from '../../../gateway/channels/slack/verify.ts';
import { createLogger, loadSettings } from '../../../gateway/config/index.ts';
import { createEgress } from '../../../gateway/egress/index.ts';
import { openPool, Signals } from '../../../gateway/db/index.ts';
import { createDelivery } from '../../../gateway/delivery/index.ts';
import { close, listen, publicApp } from '../../../gateway/server/index.ts';
import { createLimits, createPairing, createPeople } from '../../../gateway/sessions/index.ts';
import { serve } from '../server.ts';

/** What the parent gives both servers. */
interface Data {
  databaseUrl: string;
  policiesDir: string;
  slackApiUrl: string;
  botToken: string;
  signingSecret: string;
}

const log = createLogger('error');
const path = '/channels/slack/events';

/** The least that any receiver of signed JSON does: read the body, check the signature, parse. Nothing is stored. */
async function bare(data: Data): Promise<{ app: express.Express; stop: () => Promise<void> }> {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.post(path, express.raw({ type: () => true, limit: '1mb' }), (request, response) => {
    const body = request.body as Buffer;
    const headers = request.headers as Record<string, string | undefined>;
    verifySlackSignature(data.signingSecret, { path, headers, body, receivedAt: new Date() });
    JSON.parse(body.toString());
    response.status(200).end();
  });
  return { app, stop: () => Promise.resolve() };
}

/** The public listener as it is shipped, with dispatch to n8n paused. */
async function gatehouse(data: Data): Promise<{ app: express.Express; stop: () => Promise<void> }> {
  const settings = loadSettings({ GATEHOUSE_DATABASE_URL: data.databaseUrl });
  const pool = openPool(data.databaseUrl, 20);
  const signals = new Signals(data.databaseUrl);
  await signals.start();
  const boss = new PgBoss({ connectionString: data.databaseUrl, max: 4 });
  await boss.start();
  const secrets: Record<string, string> = {
    'slack/signing-secret': data.signingSecret,
    'slack/bot-token': data.botToken,
  };
  const slack = createSlack({
    mode: 'events',
    apiUrl: data.slackApiUrl,
    secrets: (name) => Promise.resolve(secrets[name]),
    egress: createEgress(),
    log,
  });
  await slack.start(() => Promise.resolve());
  const people = await createPeople({ pool, policiesDir: data.policiesDir });
  const delivery = createDelivery({
    pool,
    signals,
    boss,
    settings,
    adapters: new Map([[slack.kind, slack]]),
    people,
    pairing: createPairing({ pool, people }),
    callOf: () => null,
    factors: { takeNews: async () => [] },
    automations: { get: () => undefined },
    limits: await createLimits({ policiesDir: data.policiesDir }),
    signingSecret: `whsec_${Buffer.alloc(32).toString('base64')}`,
    sessionSecret: createSecretKey(Buffer.alloc(32)),
    clock: () => new Date(),
    log,
  });
  delivery.pause();
  await delivery.start();
  const app = publicApp({
    webhooks: [{ path, adapter: slack }],
    async accept(inbound) {
      if (inbound.kind !== 'messages') throw new Error(`the bench sent something unusable: ${inbound.kind}`);
      await delivery.ingest(inbound.messages);
    },
    waiting: (_request, response) => void response.status(404).end(),
    pages: () => undefined,
    checks: {},
    log,
  });
  return {
    app,
    async stop() {
      await delivery.stop();
      await slack.stop();
      await boss.stop({ graceful: false });
      await signals.stop();
      await pool.end();
    },
  };
}

await serve<Data>(async (variant, data) => {
  const { app, stop } = await (variant === 'bare' ? bare(data) : gatehouse(data));
  const server = await listen(app, '127.0.0.1', 0, 'none');
  return {
    ready: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}` },
    async stop() {
      await close(server);
      await stop();
    },
  };
});
