import type { RunContext } from '../policy/index.ts';
import type { ExecuteRequest, Execution } from './types.ts';

// The catalogue lets a reply be so long.
const maxText = 8000;

/** How a call that did not succeed is shown; one of which nobody knows must not look like one that was done. */
const outcomes: Partial<Record<Execution['status'], 'refused' | 'failed' | 'unknown' | 'waiting'>> = {
  denied: 'refused',
  needs_approval: 'refused',
  failed: 'failed',
  unknown: 'unknown',
  planned: 'waiting',
};

/**
 * The call that tells a call's outcome in its conversation. Its step belongs to the call's, so that a repeated call
 * replies once. It is decided and attested like every other call.
 */
export function outcomeReply(request: ExecuteRequest, execution: Execution): ExecuteRequest {
  const { text = 'Nothing was done.', receipt, status } = execution;
  const end = receipt === undefined ? '' : `\nReceipt ${receipt}`;
  const args = { text: `${text.slice(0, maxText - end.length)}${end}` };
  const outcome = outcomes[status];
  return {
    tool: 'conversation.reply',
    args: outcome === undefined ? args : { ...args, outcome },
    // Where it waits, the outcome follows.
    step: `${request.step}:${status === 'planned' ? 'planned' : 'reply'}`,
  };
}

/** Runs calls, and replies with the outcome of those that ask for it, where it was not told with its own commit. */
export function replying(
  execute: (run: RunContext, request: ExecuteRequest) => Promise<Execution>,
): (run: RunContext, request: ExecuteRequest) => Promise<Execution> {
  return async (run, request) => {
    const execution = await execute(run, request);
    if (!request.reply || execution.replied || execution.status === 'dry_run') return execution;
    const reply = await execute(run, outcomeReply(request, execution));
    return { ...execution, replied: reply.status === 'succeeded' };
  };
}
