import { renderSentence, usedTokens, type Tool } from '../catalogue/index.ts';
import { GatehouseError, type Logger } from '../config/index.ts';
import type { Policy } from '../policy/index.ts';
import type { Leases } from '../vault/index.ts';
import type { Attempt, Ending } from './attempts.ts';
import { targetOf, withLoan } from './loan.ts';
import { againAfter } from './waiting.ts';
import type { Caller, Connectors, Outcome } from './types.ts';

/**
 * Runs one started call through its connector and says how it ended; never throws. A failure that nobody can
 * interpret is tried once more where the call is idempotent and no kill switch stops it, and is `unknown` otherwise: the
 * effect may have happened. After a try without a clear end only success is certain: that a later try failed says nothing
 * of the earlier one.
 * @param call.tried whether an earlier process may have tried it already
 */
export async function runCall(
  deps: {
    connectors: Connectors;
    leases: Pick<Leases, 'lend'>;
    policy: Pick<Policy, 'killSwitchOn'>;
    log: Logger;
  },
  call: {
    attempt: Attempt;
    tool: Tool;
    args: Record<string, unknown>;
    caller: Caller;
    tried?: boolean;
    unwanted?: AbortSignal;
  },
): Promise<Ending> {
  const { attempt, tool, args, caller } = call;
  let unclear = call.tried === true;
  const tries = tool.idempotencyKey === 'attempt' ? 2 : 1;
  for (let round = 1; round <= tries; round += 1) {
    // A look that fails is a no: without Postgres the outcome could not be stored either.
    if (round > 1 && (await deps.policy.killSwitchOn(attempt.decisionId).catch(() => true))) break;
    try {
      const connector = deps.connectors[tool.connector.kind];
      const target = targetOf(connector, tool, args);
      const outcome = await withLoan(deps.leases, attempt, target, (secret) =>
        connector.run({
          attempt: attempt.id,
          tool,
          args,
          caller,
          // Elsewhere to break off would only mean that nobody knows what happened.
          signal: signalOf(tool, connector.ends ? call.unwanted : undefined),
          secret,
        }),
      );
      if (outcome.status === 'succeeded' || !unclear) return ended(outcome, tool, args);
    } catch (error) {
      if (error instanceof GatehouseError && !unclear) {
        const text = error.next ? `${error.message} ${error.next}` : error.message;
        return { status: 'failed', reasons: [{ code: error.code, text }], text, again: againAfter(error) };
      }
      // Connector errors can quote arguments, so only their kind is logged.
      const kind = error instanceof Error ? error.name : typeof error;
      deps.log.warn({ attempt: attempt.id, tool: tool.name, round, kind }, 'call without a clear outcome');
    }
    unclear = true;
  }
  const text = 'The outcome is not known: the system stopped answering. Check it there before trying again.';
  return { status: 'unknown', reasons: [{ code: 'outcome_unknown', text }], text };
}

function signalOf({ timeoutSeconds }: Tool, unwanted: AbortSignal | undefined): AbortSignal {
  const late = AbortSignal.timeout(timeoutSeconds * 1000);
  return unwanted ? AbortSignal.any([late, unwanted]) : late;
}

function ended(outcome: Outcome, tool: Tool, args: Record<string, unknown>): Ending {
  if (outcome.status === 'succeeded') {
    const text = renderSentence(tool.done, args, outcome.result);
    return { ...outcome, text, tokens: usedTokens(tool, outcome.result) };
  }
  return { ...outcome, text: outcome.reasons.map((reason) => reason.text).join(' ') };
}
