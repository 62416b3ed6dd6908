import { evaluate } from '../../../catalogue/index.ts';
import type { ProbeResult } from '../../types.ts';
import { exchange, type ExchangeDeps } from './exchange.ts';
import type { Plan } from './plan.ts';
import { planRequest } from './request.ts';

/**
 * Looks whether a call had its effect, by the request that its file names. It changes nothing.
 * @returns `unknown` where its conditions say neither, where the vendor does not answer, and for a tool without a probe
 */
export async function probe(plan: Plan, deps: ExchangeDeps): Promise<ProbeResult> {
  const { call, api, connector } = plan;
  const declared = connector.probe;
  if (!declared) return 'unknown';
  const { args, attempt, caller } = call;
  try {
    const planned = planRequest(api, declared, { args, attempt });
    const { status, json, text } = await exchange({ ...plan, safe: true, repeatable: true }, planned, deps);
    // An account that may not look sees nothing, which is not the same as that there is nothing.
    if (status === 401 || status === 403 || status >= 500) return 'unknown';
    const document = { status, body: json ?? text, args, call: { attempt, principal: caller.principal } };
    if (evaluate(declared.happened, document) === true) return 'happened';
    const { notHappened } = declared;
    return notHappened !== undefined && evaluate(notHappened, document) === true ? 'not_happened' : 'unknown';
  } catch {
    return 'unknown';
  }
}
