import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';
import { GatehouseError } from '../config/index.ts';
import { EngineFault, evaluationLimitMs } from './fail-closed.ts';
import type { Engine, PolicyInput } from './types.ts';

/** No answer of ours comes near it. */
const largestAnswer = 256 * 1024;
/** How long an OPA that is being started with the gateway is waited for. */
const startMs = 10_000;

/** How an OPA is reached, and what it has to serve. */
export interface OpaOptions {
  url: string;
  /** Of the bundle that `gatehouse policy build --bundle` wrote from the gateway's own rules and data. */
  revision: string;
  /** Whether rules of the installation are part of that bundle. */
  own: boolean;
  startMs?: number;
}

/**
 * Asks an OPA that runs beside the gateway. One question, one answer: the revision comes from the same evaluation as the
 * decision, so that no decision is ever one of other rules.
 * @throws GatehouseError `GH-POLICY-016` when it does not serve this revision within some seconds
 */
export async function opaEngine(options: OpaOptions): Promise<Engine> {
  const { url, revision, own } = options;
  const base = new URL(url.endsWith('/') ? url : `${url}/`);
  // A request in flight holds its connection; more than this many wait, and the time of their wait counts.
  const pool = new Pool(base.origin, { connections: 32, pipelining: 1 });
  const ask = (input: unknown): Promise<Record<string, unknown>> =>
    question(pool, `${base.pathname}v1/data/served/answer`, input);
  const engine: Engine = {
    name: 'opa-rest',
    own,
    async evaluate(input: PolicyInput) {
      const answer = await ask(input);
      if (answer.revision !== revision) throw new EngineFault('policy_wrong_revision');
      if (answer.decision === undefined) return [];
      const result = { result: answer.decision };
      return [own ? { ...result, own: answer.own, approvers: answer.approvers } : result];
    },
    close: () => pool.close(),
  };
  try {
    await serves(ask, revision, Date.now() + (options.startMs ?? startMs));
  } catch (cause) {
    await pool.destroy();
    const reason =
      cause instanceof EngineFault ? cause.message.replace(/, so nothing is allowed\.$/, '') : 'no answer';
    throw new GatehouseError(
      'GH-POLICY-016',
      `The OPA at ${base.origin} does not decide for this gateway: ${reason}.`,
      {
        status: 500,
        next: 'Run gatehouse policy build --bundle FILE and let opa run --server --bundle FILE serve it.',
        cause,
      },
    );
  }
  return engine;
}

async function serves(
  ask: (input: unknown) => Promise<Record<string, unknown>>,
  revision: string,
  until: number,
): Promise<void> {
  for (;;) {
    try {
      if ((await ask({})).revision === revision) return;
      throw new EngineFault('policy_wrong_revision');
    } catch (fault) {
      if (Date.now() > until) throw fault;
    }
    await wait(200);
  }
}

async function question(pool: Pool, path: string, input: unknown): Promise<Record<string, unknown>> {
  const body = JSON.stringify({ input });
  const signal = AbortSignal.timeout(evaluationLimitMs);
  try {
    return await once(pool, path, body, signal);
  } catch (error) {
    if (signal.aborted) throw new EngineFault('policy_timeout', { cause: error });
    if (error instanceof EngineFault) throw error;
    // OPA closes idle connections, perhaps at this very moment. A question has no effect, so it is asked again, once.
    return once(pool, path, body, signal).catch((cause: unknown) => {
      if (cause instanceof EngineFault) throw cause;
      throw new EngineFault(faultOf(signal, cause), { cause });
    });
  }
}

function faultOf(
  signal: AbortSignal,
  error: unknown,
): 'policy_timeout' | 'policy_garbage' | 'policy_unreachable' {
  if (signal.aborted) return 'policy_timeout';
  return String((error as { code?: unknown }).code).startsWith('HPE_')
    ? 'policy_garbage'
    : 'policy_unreachable';
}

async function once(
  pool: Pool,
  path: string,
  body: string,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const answer = await pool.request({
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body,
    signal,
  });
  const { statusCode } = answer;
  const text = await bounded(answer.body);
  if (statusCode >= 300 && statusCode < 400) throw new EngineFault('policy_redirect');
  if (statusCode !== 200) throw new EngineFault('policy_status');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new EngineFault('policy_garbage', { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new EngineFault('policy_garbage');
  const { result } = parsed as { result?: unknown };
  if (result === undefined) throw new EngineFault('policy_undefined');
  if (typeof result !== 'object' || result === null) throw new EngineFault('policy_garbage');
  return result as Record<string, unknown>;
}

async function bounded(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    // Leaving the loop closes the connection.
    if (size > largestAnswer) throw new EngineFault('policy_too_large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
