import OpenAI, { APIConnectionError, APIError, APIUserAbortError } from 'openai';
import { GatehouseError } from '../../config/index.ts';
import type { Allowed, EgressClient, Opened } from '../../egress/index.ts';
import type { LeaseTarget } from '../../vault/index.ts';
import { askByChat } from './chat.ts';
import type { Answer, Question } from './conversation.ts';
import { ModelFailed } from './failed.ts';
import type { Endpoint, Model } from './file.ts';
import { askByResponses } from './responses.ts';

const pathOf = ({ url, api }: Endpoint): string =>
  `${new URL(url).pathname.replace(/\/$/, '')}${api === 'chat' ? '/chat/completions' : '/responses'}`;

/** Host with its port, which private networks ask for. */
function hostOf({ url }: Endpoint): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}

/** The one request that a question to this model may make. */
function allowedFor({ at }: Model): Allowed {
  return {
    host: hostOf(at),
    methods: ['POST'],
    paths: [pathOf(at)],
    ...(at.local && { plainHttp: true, privateNetworks: at.networks }),
  };
}

/** What the key of a model is lent for. */
export const targetOf = ({ name, at }: Model): LeaseTarget => ({
  tool: `model:${name}`,
  method: 'POST',
  host: hostOf(at),
  path: pathOf(at),
});

/**
 * Asks a model once, through the egress rules: nothing but the one address of its endpoint can be reached.
 * @param key the key that is on loan for this question
 * @throws ModelFailed that says why there is no answer
 */
export async function ask(
  egress: Pick<EgressClient, 'open'>,
  model: Model,
  question: Question,
  { key, signal }: { key: string | undefined; signal: AbortSignal },
): Promise<Answer> {
  const client = new OpenAI({
    baseURL: model.at.url,
    // The key itself is put on where the request leaves; here it could get into an error or a log.
    apiKey: 'on loan',
    organization: null,
    project: null,
    maxRetries: 0,
    timeout: model.timeoutSeconds * 1000,
    logLevel: 'off',
    fetch: egressFetch(egress, model, key),
  });
  const late = AbortSignal.timeout(model.timeoutSeconds * 1000);
  const whole = AbortSignal.any([signal, late]);
  try {
    const byApi = model.at.api === 'chat' ? askByChat : askByResponses;
    return await byApi(client, model, question, whole);
  } catch (error) {
    if (signal.aborted) throw new ModelFailed('stopped');
    if (late.aborted) throw new ModelFailed('late', { outage: true });
    throw understood(error);
  }
}

/** `fetch` for the SDK, which knows nothing else of the network. */
function egressFetch(
  egress: Pick<EgressClient, 'open'>,
  model: Model,
  key: string | undefined,
): typeof fetch {
  return async (input, init = {}) => {
    const headers = Object.fromEntries(new Headers(init.headers));
    delete headers.authorization;
    const {
      status,
      headers: got,
      body,
    } = await egress.open(
      {
        method: init.method ?? 'GET',
        url: input instanceof Request ? input.url : String(input),
        headers,
        ...(key !== undefined && { credentials: { authorization: `Bearer ${key}` } }),
        body: typeof init.body === 'string' ? init.body : null,
        signal: init.signal ?? AbortSignal.timeout(model.timeoutSeconds * 1000),
      },
      [allowedFor(model)],
    );
    const kept = Object.entries(got).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value] as [string, string]] : [],
    );
    return new Response(streamOf(body), { status, headers: kept });
  };
}

/** How long the end of an answer is waited for whose last word was read. */
const endMs = 1000;

/**
 * A body for the SDK, which stops reading at the last word of an answer. Its end is read all the same: else the connection would be
 * closed, and each question would have to make one.
 */
function streamOf(body: Opened['body']): ReadableStream<Uint8Array> {
  const parts = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  const readToEnd = async (): Promise<void> => {
    const late = setTimeout(() => body.destroy(), endMs);
    try {
      while (!(await parts.next()).done);
    } catch {
      // It was broken off, and its connection with it.
    } finally {
      clearTimeout(late);
    }
  };
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => void readToEnd(),
    },
    { highWaterMark: 0 },
  );
}

/** What an error means; its text may quote the prompt and goes no further. */
function understood(error: unknown): ModelFailed {
  if (error instanceof ModelFailed) return error;
  if (error instanceof APIUserAbortError) return new ModelFailed('stopped');
  const cause = error instanceof APIConnectionError ? error.cause : error;
  if (cause instanceof GatehouseError)
    return cause.code === 'GH-EGRESS-010'
      ? new ModelFailed('unreachable', { outage: true, unpaid: true })
      : new ModelFailed('refused', { unpaid: true });
  const status = error instanceof APIError ? Number(error.status) : NaN;
  if (status === 401 || status === 403) return new ModelFailed('key', { outage: true, unpaid: true });
  if (status === 429) return new ModelFailed('busy', { outage: true, unpaid: true });
  if (status >= 500) return new ModelFailed('unreachable', { outage: true });
  if (status >= 400) return new ModelFailed('refused', { unpaid: true });
  return new ModelFailed(error instanceof APIConnectionError ? 'unreachable' : 'malformed', { outage: true });
}
