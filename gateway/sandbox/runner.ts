import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Docker from 'dockerode';
import express, { type NextFunction, type Request, type Response } from 'express';
import { register } from 'prom-client';
import type { z } from 'zod';
import { GatehouseError, toProblem, type Logger } from '../config/index.ts';
import type { Names } from '../egress/index.ts';
import { receive } from './body.ts';
import { Containers } from './containers.ts';
import { unavailable, type EventSchema, type Language } from './contract.ts';
import { canReach } from './egress/setup.ts';
import { Engine, type Warmth } from './engine.ts';
import { Images } from './images.ts';
import { open, type Listen } from './listen.ts';
import { orderKey, Orders, Seal, type RunOrder } from './order.ts';
import type { OutputName } from './output.ts';
import { Turns } from './turns.ts';
import { defaultUids, type UidRange } from './uids.ts';

/** A runner that listens. */
export interface Runner {
  url: string;
  /** Stops listening, ends the runs under way and removes their containers. */
  stop(): Promise<void>;
}

export interface RunnerOptions {
  /** Where to listen: an address, or the path of a Unix socket that only this user may open. */
  listen: Listen;
  /** What the gateway signs its orders with. */
  token: string;
  images: Record<Language, string>;
  /** A runtime of the engine, such as runsc or kata, for every container. */
  runtime?: string | undefined;
  log: Logger;
  docker?: Docker;
  /** Runs at once; `queue` more may wait, others are answered `sandbox_unavailable`. */
  parallel?: number;
  queue?: number;
  warmth?: Warmth;
  /** The users of the containers, one each. */
  uids?: UidRange | undefined;
  /** Lets runs use the egress proxy, as their orders say; `names` finds the addresses of a name. Without it none has a network. */
  egress?: { names?: Names } | undefined;
}

/**
 * Starts the runner: a small HTTP server, the only part of Gatehouse that talks to Docker.
 * `POST /runs` takes a signed order in `Gatehouse-Order` and its body, and answers lines of JSON: output as it comes, at last
 * the ending. `GET /healthz` says whether Docker answers, `GET /metrics` what Prometheus reads.
 * @throws GatehouseError `GH-SANDBOX-001` without a usable token, `-009` where it cannot listen, `-017` where the engine
 * lacks the runtime
 */
export async function startRunner(options: RunnerOptions): Promise<Runner> {
  const { token, images, runtime, log } = options;
  if (token.length < 32) {
    throw new GatehouseError('GH-SANDBOX-001', 'The runner has no token of at least 32 characters.', {
      status: 500,
      next: 'Set GATEHOUSE_RUNNER_TOKEN or GATEHOUSE_RUNNER_TOKEN_FILE, and store the same as the secret runner/token.',
    });
  }
  const docker = options.docker ?? new Docker();
  const pinned = new Images(docker, images, log);
  const key = orderKey(token);
  if (runtime !== undefined) await checkRuntime(docker, runtime);
  const server = createServer();
  const url = await open(server, options.listen);
  const identity = { id: randomUUID(), url };
  const uids = options.uids ?? defaultUids;
  const containers = new Containers({ docker, images: pinned, runner: identity, runtime, uids, log });
  const engine = new Engine({
    containers,
    images: pinned,
    warmth: options.warmth ?? { max: 4, idleMs: 300_000 },
    key,
    egress: options.egress,
    log,
  });
  const orders = new Orders(key);
  const turns = new Turns(options.parallel ?? 2, options.queue ?? 32);
  const stopping = new AbortController();
  const running = new Set<Promise<unknown>>();

  const app = express();
  app.disable('x-powered-by');
  app.get('/healthz', async (_request, response) => {
    const ok = await docker.ping().then(
      () => true,
      () => false,
    );
    const waiting = engine.waiting();
    response.status(ok ? 200 : 503).json({ docker: ok, runner: identity.id, images, waiting });
  });
  app.get('/metrics', async (_request, response) => {
    response.type(register.contentType).send(await register.metrics());
  });
  app.post('/runs', async (request, response) => {
    // Before the body is read: who may not order is not listened to.
    const signed = request.get('gatehouse-order') ?? '';
    const order = orders.take(signed);
    permit(order, images, options.egress !== undefined);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, stopping.signal]);
    const send = (event: z.input<typeof EventSchema>): void =>
      void response.write(`${JSON.stringify(event)}\n`);
    response.type('application/x-ndjson');
    const body = (pass: (part: Buffer) => void): Promise<void> =>
      receive(request, order, new Seal(key, signed), pass);
    const job = { ...order, body };
    const pass = (name: OutputName, chunk: Buffer): void => {
      const data = chunk.toString('base64');
      send(name === 'stdout' ? { stdout: data } : { stderr: data });
    };
    const work = turns.run(
      () => engine.run(job, pass, signal),
      () => unavailable('busy', 'The sandbox has too many runs waiting; try again in a moment.'),
    );
    running.add(work);
    try {
      const ending = await work;
      for (const use of ending.egress) log.info(use, 'egress');
      log.info({ status: ending.status, reason: ending.reason?.code, ms: ending.durationMs }, 'run');
      send({ ending });
      response.end();
    } finally {
      running.delete(work);
    }
  });
  app.use((_request, _response) => {
    throw new GatehouseError('GH-SANDBOX-004', 'There is nothing here.', { status: 404 });
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const problem = toProblem(error);
    if (problem.status >= 500) log.error({ err: error }, 'request');
    // What is left of the body is not worth reading.
    response.set('connection', 'close');
    response.status(problem.status).type('application/problem+json').json(problem);
  });

  server.on('request', (request, response) => void app(request, response));

  await containers.removeOrphans().then(
    (count) => count > 0 && log.warn({ count }, 'removed containers of runners that are gone'),
    (error: unknown) => log.warn({ err: error }, 'Docker does not answer; runs are refused until it does'),
  );
  // A pull may take minutes; until it is done, runs are answered image_missing.
  const prepared = pinned.prepare().then(() => engine.warm());
  return {
    url,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      stopping.abort();
      await Promise.allSettled(running);
      await engine.stop();
      void prepared;
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A runtime that the engine lacks would fail each run; an engine that does not answer yet is asked by each run. */
async function checkRuntime(docker: Docker, runtime: string): Promise<void> {
  const info = (await docker.info().catch(() => null)) as { Runtimes?: Record<string, unknown> } | null;
  if (info === null) return;
  const known = Object.keys(info.Runtimes ?? {});
  if (known.includes(runtime)) return;
  throw new GatehouseError('GH-SANDBOX-017', `The Docker engine has no runtime ${runtime}.`, {
    status: 500,
    next: `Install it and name it in /etc/docker/daemon.json, or use one that is there: ${known.join(', ')}.`,
  });
}

/** Whatever the configuration does not list is refused; that no mount or capability can be asked for is the order's schema. */
function permit(order: RunOrder, images: Record<Language, string>, egress: boolean): void {
  const refuse = (field: string, text: string): GatehouseError =>
    new GatehouseError('GH-SANDBOX-008', text, {
      status: 403,
      field,
      next: 'Ask for what the runner is configured for; docs/sandbox.md says how to configure it.',
    });
  if (order.network !== 'none' && !(order.network === 'egress' && egress))
    throw refuse('run.network', 'The runner offers no such network.');
  if (order.network === 'egress' && !canReach(order.language))
    throw refuse('run.network', `Code in ${order.language} has no client for the network.`);
  if (order.image !== undefined && order.image !== images[order.language]) {
    throw refuse('run.image', `The runner has no such image for ${order.language}.`);
  }
}
