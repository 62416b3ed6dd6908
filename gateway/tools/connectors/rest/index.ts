import { evaluate } from '../../../catalogue/index.ts';
import { GatehouseError } from '../../../config/index.ts';
import type { Connector, Outcome } from '../../types.ts';
import { TokenCache } from './auth/index.ts';
import { verdictOf } from './errors.ts';
import { exchange, pause, Unclear, type ExchangeDeps } from './exchange.ts';
import { Waits } from './limits.ts';
import { collect } from './pages.ts';
import { planOf, type Plan } from './plan.ts';
import { probe } from './probe.ts';
import type { Reply } from './reply.ts';
import { planRequest } from './request.ts';

/** How long a call that ended without an answer is looked for at once. */
const probeMs = 10_000;

/**
 * Runs tools that are described as HTTP requests.
 * @param deps.renew stores the next value of a secret that its vendor replaced while it was used
 */
export function createRestConnector(
  deps: Pick<ExchangeDeps, 'client' | 'renew'> & Partial<Pick<ExchangeDeps, 'now' | 'pause'>>,
): Connector {
  const shared: ExchangeDeps = {
    now: Date.now,
    pause,
    waits: new Waits(),
    tokens: new TokenCache(),
    ...deps,
  };
  return {
    secretFor: (tool) => tool.secret,
    targetFor({ connector, api }, args) {
      if (connector.kind !== 'rest' || !api) return undefined;
      try {
        const { method, url } = planRequest(api, connector, { args, attempt: '' });
        return { method, host: url.host, path: url.pathname };
      } catch {
        // What no request can be made of is refused when it runs.
        return undefined;
      }
    },
    async run(call) {
      const plan = planOf(call);
      try {
        return await run(plan, shared);
      } catch (error) {
        // Whatever says that nothing happened needs no look.
        if (error instanceof GatehouseError || (await looked(plan, shared)) !== 'happened') throw error;
        return { status: 'succeeded', result: {} };
      }
    },
    probe: (call) => probe(planOf(call), shared),
  };
}

const looked = (plan: Plan, deps: ExchangeDeps): ReturnType<typeof probe> =>
  probe({ ...plan, call: { ...plan.call, signal: AbortSignal.timeout(probeMs) } }, deps);

async function run(plan: Plan, deps: ExchangeDeps): Promise<Outcome> {
  const { call, api, connector } = plan;
  const stopped = await checked(plan, deps);
  if (stopped) return stopped;
  const planned = planRequest(api, connector, { args: call.args, attempt: call.attempt });
  const reply = await exchange(plan, planned, deps);
  if (reply.status > 299) return failed(plan, reply);
  if (!connector.pages) return { status: 'succeeded', result: resultOf(plan, reply) };
  const collected = await collect(connector.pages, { planned, reply }, (next) => exchange(plan, next, deps));
  if ('status' in collected) return failed(plan, collected);
  return { status: 'succeeded', result: mapped(connector.returns, collected) };
}

/** @returns the failure of a call whose condition does not hold */
async function checked(plan: Plan, deps: ExchangeDeps): Promise<Outcome | null> {
  const { call, api, connector } = plan;
  const { check } = connector;
  if (!check) return null;
  const { args, attempt } = call;
  const asked = { ...plan, safe: true, repeatable: true };
  const { status, json } = await exchange(asked, planRequest(api, check, { args, attempt }), deps);
  if (evaluate(check.holds, { status, body: json ?? null, args }) === true) return null;
  return { status: 'failed', reasons: [{ code: check.code, text: check.text }], result: { status } };
}

function failed(plan: Plan, reply: Reply): Outcome {
  const { outcome, reason } = verdictOf(plan, reply);
  if (outcome === 'done') return { status: 'succeeded', result: {} };
  if (outcome === 'unknown') throw new Unclear(`the answer ${reply.status} leaves open what was done`);
  return { status: 'failed', reasons: [reason], result: { status: reply.status } };
}

/** @throws GatehouseError `GH-TOOLS-045` for a read whose answer cannot be read; a change was made all the same */
function resultOf({ connector, api, safe }: Plan, { json, text, truncated }: Reply): unknown {
  if (connector.answer === 'text') return { text, truncated };
  if (json === undefined && text !== '' && safe) {
    const why = truncated ? 'is too long or packed' : 'is not JSON';
    throw new GatehouseError(
      'GH-TOOLS-045',
      `What ${api.title} answered ${why}, so that it cannot be read.`,
      {
        status: 502,
        next: 'Ask for less, or raise maxResponseBytes in the file of the tool.',
      },
    );
  }
  return mapped(connector.returns, json ?? {});
}

/** The result is a record, whose fields the sentence of the tool can name. */
function mapped(returns: string | undefined, document: unknown): unknown {
  const value = returns === undefined ? document : evaluate(returns, document);
  if (Array.isArray(value)) return { items: value as unknown[] };
  return typeof value === 'object' && value !== null ? value : { value };
}
