import type { Logger } from '../config/index.ts';
import { postOutcome, type Wait } from './resume-call.ts';
import type { ExecutionState, Timing } from './types.ts';

const longestPauseMs = 15_000;

/** What it takes to reach a waiting execution. */
export interface ResumeDeps {
  settings: { n8nUrl: string };
  /** `whsec_<base64>`, shared with the nodes' credential. */
  signingSecret: string;
  clock: () => Date;
  log: Logger;
  /** Looks an execution up in n8n; without it, a run that answers nothing usable is given up after a while. */
  executionState?: ((executionId: string) => Promise<ExecutionState>) | undefined;
}

/** A wait whose outcome is due, as whoever asked n8n to wait keeps it. */
export interface DueWait {
  wait: Wait;
  /** What the node gets; `items` are told apart by their ids. */
  message: { type: string; items: readonly { id: string }[] };
  /** Names it in the log. */
  named: Record<string, string>;
  /** Tries so far. */
  attempts: number;
  /** Notes that the node took it. */
  delivered(): Promise<void>;
  /** Whether something happened since that only follows from the outcome. */
  wasTaken(): Promise<boolean>;
  /** Has a run that n8n lost start over. @returns false where it cannot */
  again(): Promise<boolean>;
  /** Gives the outcome up. @returns false where it did arrive */
  giveUp(): Promise<boolean>;
  /** Whether n8n has been answering with something else for so long that the run counts as gone. */
  refusedForLong(): Promise<boolean>;
  /** Notes that it is tried again after a pause. @param refused whether n8n answered */
  retry(refused: boolean): Promise<void>;
}

/** The pause before the next try, ms. */
export const pauseMs = (timing: Pick<Timing, 'retry'>, attempts: number): number =>
  Math.min(longestPauseMs, timing.retry * 2 ** Math.min(12, attempts));

/** Tries once to bring an outcome to the execution that waits for it, and concludes from the answer; it never assumes. */
export async function deliver(
  deps: ResumeDeps,
  timing: Pick<Timing, 'request'>,
  due: DueWait,
): Promise<void> {
  const answer = await postOutcome(
    {
      n8nUrl: deps.settings.n8nUrl,
      signingSecret: deps.signingSecret,
      timeoutMs: timing.request,
      now: deps.clock(),
    },
    due.wait,
    due.message,
  );
  if (answer.kind === 'resumed') return due.delivered();
  const said = {
    execution: due.wait.executionId,
    ...due.named,
    attempts: due.attempts + 1,
    detail: answer.detail,
  };
  const busy = answer.kind === 'busy';
  if (answer.kind === 'down' || (busy && !(await due.refusedForLong()))) {
    deps.log.info(said, 'an outcome waits for n8n');
    return due.retry(busy);
  }
  // A gateway that was killed right after n8n took the outcome asks a second time; what followed from it tells.
  if (await due.wasTaken()) return due.delivered();
  // An execution that lost its database in the middle is "running" to n8n until n8n itself is started again.
  if (busy) {
    if (!(await due.again())) return due.retry(true);
    deps.log.warn(said, 'a run got stuck with its outcome and is dispatched again');
    return;
  }
  const state = await lookUp(deps, due.wait.executionId);
  const lost = state === 'ended' || state === 'absent';
  if (lost && (await due.again())) {
    deps.log.warn({ ...said, state }, 'a run was lost with its outcome and is dispatched again');
    return;
  }
  if (lost || state === 'gone' || (state === 'unknown' && (await due.refusedForLong()))) {
    if (!(await due.giveUp())) return due.delivered();
    deps.log.error({ ...said, state }, 'an outcome cannot be delivered');
    return;
  }
  deps.log.warn({ ...said, state }, 'n8n did not take an outcome');
  await due.retry(true);
}

/** Looks an execution up; a look-up that fails knows nothing. */
export async function lookUp(
  deps: Pick<ResumeDeps, 'executionState' | 'log'>,
  executionId: string,
): Promise<ExecutionState> {
  if (!deps.executionState) return 'unknown';
  try {
    return await deps.executionState(executionId);
  } catch (error) {
    deps.log.warn({ err: error, execution: executionId }, 'an execution could not be looked up');
    return 'unknown';
  }
}
