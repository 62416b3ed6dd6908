import { timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import Docker from 'dockerode';
import express, { type NextFunction, type Request, type Response } from 'express';
import { GatehouseError, toProblem, type Logger } from '../config/index.ts';
import { hashToken } from '../envelope/index.ts';
import { RunRequestSchema, unavailable, type RunResult } from './contract.ts';
import { createEngine } from './engine.ts';
import { Turns } from './turns.ts';

/** A runner that listens. */
export interface Runner {
  url: string;
  /** Stops listening, ends the runs under way and removes their containers. */
  stop(): Promise<void>;
}

/**
 * Starts the runner: a small HTTP server, the only part of Gatehouse that talks to Docker.
 * `POST /runs` takes a `RunRequest` and answers a `RunResult`; `GET /healthz` says whether Docker answers.
 * @param token what callers must present; its hash also names this runner's containers
 * @param parallel runs at once; `queue` more may wait, others are answered `sandbox_unavailable`
 * @throws GatehouseError `GH-SANDBOX-001` without a usable token
 */
export async function startRunner(options: {
  host: string;
  port: number;
  token: string;
  image: string;
  log: Logger;
  docker?: Docker;
  parallel?: number;
  queue?: number;
}): Promise<Runner> {
  const { token, image, log } = options;
  if (token.length < 32) {
    throw new GatehouseError('GH-SANDBOX-001', 'The runner has no token of at least 32 characters.', {
      status: 500,
      next: 'Set GATEHOUSE_RUNNER_TOKEN or GATEHOUSE_RUNNER_TOKEN_FILE, and store the same as the secret runner/token.',
    });
  }
  const expected = hashToken(token);
  const docker = options.docker ?? new Docker();
  const engine = createEngine({ docker, image, runner: expected.toString('hex').slice(0, 16), log });
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
    response.status(ok ? 200 : 503).json({ docker: ok, image });
  });
  app.use((request, _response, next) => {
    const given = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (timingSafeEqual(hashToken(given), expected)) return next();
    throw new GatehouseError('GH-SANDBOX-002', 'The token is missing or wrong.', { status: 401 });
  });
  app.post('/runs', express.json({ limit: '1mb' }), async (request, response) => {
    const job = RunRequestSchema.safeParse(request.body);
    if (!job.success) {
      const [issue] = job.error.issues;
      const field = issue?.path.join('.') ?? '';
      throw new GatehouseError('GH-SANDBOX-003', `The run is not usable: ${field} ${issue?.message ?? ''}`, {
        field,
      });
    }
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, stopping.signal]);
    const work: Promise<RunResult> = turns.run(
      () => engine.run(job.data, signal),
      () => unavailable('busy', 'The sandbox has too many runs waiting; try again in a moment.'),
    );
    running.add(work);
    try {
      const result = await work;
      log.info({ status: result.status, reason: result.reason?.code, ms: result.durationMs }, 'run');
      response.json(result);
    } finally {
      running.delete(work);
    }
  });
  app.use((_request, _response) => {
    throw new GatehouseError('GH-SANDBOX-004', 'There is nothing here.', { status: 404 });
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const problem = toProblem(fromBodyParser(error));
    if (problem.status >= 500) log.error({ err: error }, 'request');
    response.status(problem.status).type('application/problem+json').json(problem);
  });

  await engine.removeOrphans().then(
    (count) => count > 0 && log.warn({ count }, 'removed containers that an earlier runner left'),
    (error: unknown) => log.warn({ err: error }, 'Docker does not answer; runs are refused until it does'),
  );
  // A pull may take minutes; until it is done, runs are answered image_missing.
  void engine
    .prepare()
    .catch((error: unknown) => log.warn({ err: error, image }, 'the sandbox image is not available'));

  const server = app.listen(options.port, options.host);
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      stopping.abort();
      await Promise.allSettled(running);
      server.closeAllConnections();
      await closed;
    },
  };
}

function fromBodyParser(error: unknown): unknown {
  const status = (error as { status?: number } | null)?.status;
  if (error instanceof GatehouseError || status === undefined || status >= 500) return error;
  const text = status === 413 ? 'The request is too large.' : 'The request is not JSON.';
  return new GatehouseError('GH-SANDBOX-003', text, { status });
}
