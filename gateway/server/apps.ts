import express, { type Express, type RequestHandler } from 'express';
import { Counter, collectDefaultMetrics, register } from 'prom-client';
import type { ChannelAdapter, Inbound } from '../channels/index.ts';
import { GatehouseError, type Logger } from '../config/index.ts';
import { healthRoutes, type Checks } from './health.ts';
import { readBody } from './body.ts';
import { jsonBody, readableAddress } from './json-body.ts';
import { notFound, problemHandler } from './problem.ts';
import { authenticate, mountRoutes, type Client, type Route } from './route.ts';

collectDefaultMetrics();

const unauthenticated = new Counter({
  name: 'gatehouse_unauthenticated_total',
  help: 'Calls refused because they did not prove who sent them',
  labelNames: ['surface'],
});
const deliveries = new Counter({
  name: 'gatehouse_deliveries_total',
  help: 'Authenticated vendor deliveries by what became of them',
  labelNames: ['channel', 'kind'],
});

function bareApp(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.use(readableAddress);
  return app;
}

const counted =
  (surface: string, handler: RequestHandler): RequestHandler =>
  async (request, response, next) => {
    try {
      await handler(request, response, next);
    } catch (error) {
      if (error instanceof GatehouseError && error.status === 401) unauthenticated.inc({ surface });
      throw error;
    }
  };

/** The internal listener: API of nodes and CLI, metrics, health. */
export function internalApp(options: {
  routes: readonly Route[];
  clients: { authenticate(token: string): Promise<Client | null> };
  checks: Checks;
  /** The OpenAPI document, as it is now. */
  openapi(): object;
  log: Logger;
}): Express {
  const app = bareApp();
  // First, because every step of every workflow comes through it.
  const known = counted('api', authenticate(options.clients));
  mountRoutes(app, options.routes, [known, ...jsonBody(524_288)]);
  // Who may not call is not told what there is.
  app.use('/v1', known);
  app.use(healthRoutes(options.checks, { reasons: true }));
  app.get('/metrics', async (_request, response) => {
    response.type(register.contentType).send(await register.metrics());
  });
  app.get('/openapi.json', (_request, response) => {
    response.json(options.openapi());
  });
  app.use(notFound);
  app.use(problemHandler(options.log));
  return app;
}

/** Where the deliveries of a vendor come in. */
export interface VendorWebhook {
  path: string;
  adapter: ChannelAdapter;
}

/**
 * The public listener: vendors' webhooks, pages, approval links.
 * @param options.accept makes a delivery durable; when it throws, the vendor gets 503 and tries again
 * @param options.pages mounts the web pages
 */
export function publicApp(options: {
  webhooks: readonly VendorWebhook[];
  accept(inbound: Inbound, channel: string): Promise<void>;
  waiting: RequestHandler;
  pages(app: Express): void;
  checks: Checks;
  log: Logger;
}): Express {
  const app = bareApp();
  const raw = readBody(1_048_576);
  for (const { path, adapter } of options.webhooks) {
    app.post(
      path,
      raw,
      counted(adapter.kind, async (request, response) => {
        const inbound = await adapter.receive({
          path,
          headers: request.headers as Record<string, string | undefined>,
          body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
          receivedAt: new Date(),
        });
        if (inbound.kind !== 'respond') {
          await options.accept(inbound, adapter.kind).catch((error: unknown) => {
            deliveries.inc({ channel: adapter.kind, kind: 'not_stored' });
            throw error;
          });
        }
        deliveries.inc({ channel: adapter.kind, kind: inbound.kind });
        if (inbound.kind === 'respond') {
          response.status(inbound.status).json(inbound.body);
          return;
        }
        const ack = inbound.kind === 'messages' ? inbound.ack : undefined;
        if (ack === undefined) response.status(200).end();
        else response.status(200).json(ack);
      }),
    );
  }
  app.use('/webhook-waiting', options.waiting);
  app.use(healthRoutes(options.checks, { reasons: false }));
  options.pages(app);
  app.use(notFound);
  app.use(problemHandler(options.log));
  return app;
}
