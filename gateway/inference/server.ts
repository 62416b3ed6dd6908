import type { AddressInfo } from 'node:net';
import express, { type NextFunction, type Request, type Response } from 'express';
import type { z } from 'zod';
import { GatehouseError, toProblem, type Logger } from '../config/index.ts';
import { answering } from './answer.ts';
import { ChatRequest, EmbeddingsRequest } from './contract.ts';
import { loadEngine, type Engine, type EngineOptions } from './engine.ts';
import { guard } from './guard.ts';
import { unusable } from './history.ts';
import { createTurns, Gone } from './turn.ts';

/** A model that is served. */
export interface ModelServer {
  /** Base URL for models.yaml. */
  url: string;
  model: string;
  /** Tokens of prompt and answer together. */
  context: number;
  /** Refuses whoever waits, lets the answer under way end for a moment, and frees the memory. */
  stop(): Promise<void>;
}

export interface ModelServerOptions extends EngineOptions {
  port: number;
  /** How many questions may wait for the one under way. */
  queue: number;
  /** What callers send as a bearer token; nobody is asked for one without it. */
  key?: string | undefined;
}

const graceMs = 5000;
const bodyLimit = '8mb';

/**
 * Serves a model of this machine with OpenAI's API, on the loopback address alone: `POST /v1/chat/completions`,
 * `POST /v1/embeddings`, `GET /v1/models`. It keeps and logs nothing of what is said.
 * @throws GatehouseError `GH-INFER-001` and `-002` where the model cannot be loaded, `-008` for a key that is too short, `-011` where
 * the port is taken
 */
export async function serveModel(options: ModelServerOptions): Promise<ModelServer> {
  const letIn = guard(options.key);
  const engine = await loadEngine(options);
  const turns = createTurns(options.queue);
  const app = express();
  app.disable('x-powered-by');
  app.use(letIn, express.json({ limit: bodyLimit }));
  app.get('/v1/models', (_request, response) => {
    response.json({ object: 'list', data: [{ id: engine.name, object: 'model', owned_by: 'local' }] });
  });
  app.post('/v1/chat/completions', async (request, response) => {
    const asked = read(ChatRequest, request.body);
    const answer = answering(response, asked, engine.name);
    const since = performance.now();
    const completion = await turns.take(response, (signal) =>
      engine.complete(asked, { signal, said: (text) => answer.said(text) }),
    );
    answer.done(completion);
    options.log.info({ ...completion.usage, ms: Math.round(performance.now() - since) }, 'answered');
  });
  app.post('/v1/embeddings', async (request, response) => {
    if (!engine.embeds)
      throw new GatehouseError('GH-INFER-012', 'This model is served without embeddings.', {
        status: 404,
        next: 'Start it with --embeddings.',
      });
    const { input } = read(EmbeddingsRequest, request.body);
    const { vectors, tokens } = await turns.take(response, () => engine.embed([input].flat()));
    response.json({
      object: 'list',
      model: engine.name,
      data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })),
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    });
  });
  app.use((_request, _response) => {
    throw new GatehouseError('GH-INFER-013', 'There is nothing here.', { status: 404 });
  });
  app.use(refusing(options.log));
  try {
    return await listen(app, engine, turns, options.port);
  } catch (error) {
    await engine.unload();
    throw error;
  }
}

async function listen(
  app: express.Express,
  engine: Engine,
  turns: ReturnType<typeof createTurns>,
  port: number,
): Promise<ModelServer> {
  const server = app.listen(port, '127.0.0.1');
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', (cause) =>
      reject(
        new GatehouseError('GH-INFER-011', `Port ${port} cannot be listened on.`, {
          status: 409,
          next: 'Choose another one with --port.',
          cause,
        }),
      ),
    );
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    model: engine.name,
    context: engine.contextSize,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      await turns.stop(graceMs);
      server.closeIdleConnections();
      await closed;
      await engine.unload();
    },
  };
}

function read<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  const [issue] = error.issues;
  throw unusable(issue?.path.join('.') || 'body', `is not as it should be (${issue?.message ?? 'no JSON'})`);
}

/** Answers errors in OpenAI's form, with our code and the next step. */
function refusing(log: Logger) {
  return (error: unknown, _request: Request, response: Response, _next: NextFunction): void => {
    if (error instanceof Gone) return;
    const { code, detail, status, next, field, retryAfter } = toProblem(understood(error));
    if (status >= 500) log.error({ err: error }, 'request');
    const body = {
      error: {
        message: next === undefined ? detail : `${detail} ${next}`,
        type: status >= 500 ? 'server_error' : 'invalid_request_error',
        param: field ?? null,
        code,
      },
    };
    // An answer that has begun says what went wrong in its own stream.
    if (response.headersSent) return void response.end(`data: ${JSON.stringify(body)}\n\n`);
    if (retryAfter !== undefined) response.set('retry-after', String(retryAfter));
    response.status(status).json(body);
  };
}

/** What express's own parser found wrong, without what it quotes. */
function understood(error: unknown): unknown {
  const { type } = error as { type?: unknown };
  if (error instanceof GatehouseError || typeof type !== 'string') return error;
  return type === 'entity.too.large'
    ? unusable('body', `is larger than ${bodyLimit}`)
    : unusable('body', 'is no JSON');
}
