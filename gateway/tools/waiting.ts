import { setTimeout as sleep } from 'node:timers/promises';
import { waitable, type Tool } from '../catalogue/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Transaction } from '../db/index.ts';
import { findAttempt, type Attempt, type Ending } from './attempts.ts';
import type { ToolsDeps } from './deps.ts';
import { retrySeconds } from './room.ts';
import type { ExecuteRequest, Execution, WaitsFor } from './types.ts';

type Deps = Pick<ToolsDeps, 'pool' | 'leases' | 'executor'>;

const lookMs = 250;
/** How long a call for which there is no room waits until it looks again. */
export const roomSeconds = 1;
const longestPauseSeconds = 60;

/** What says by its code alone that nothing was sent, or that it was turned away unread. */
const classes: Record<string, WaitsFor> = {
  'GH-EGRESS-010': 'unreachable',
  'GH-TOOLS-002': 'unreachable',
  'GH-TOOLS-047': 'unreachable',
  'GH-TOOLS-076': 'unreachable',
  'GH-TOOLS-044': 'busy',
  'GH-TOOLS-077': 'busy',
  'GH-VAULT-011': 'secrets',
  'GH-VAULT-012': 'secrets',
  'GH-VAULT-013': 'secrets',
};

/** Whether a call that failed so had no effect and may have one later. */
export function againAfter(error: GatehouseError): Ending['again'] {
  const waitsFor = classes[error.code];
  return waitsFor === undefined ? undefined : { waitsFor, seconds: error.retryAfter };
}

/** Doubled at each try, and spread, so that calls which failed together do not come back together. */
export const pauseSeconds = (tries: number): number =>
  Math.min(longestPauseSeconds, 2 ** Math.min(tries - 1, 10)) * (0.5 + Math.random());

/**
 * Plans the next try of a call that had no effect, where its tool is tried again for such a cause and there is time left.
 * @returns whether it is planned
 */
export async function planAgain(
  deps: Deps,
  attempt: Attempt,
  tool: Tool,
  { again }: Ending,
): Promise<boolean> {
  const seconds = retrySeconds(tool);
  const on: readonly string[] = tool.retry?.on ?? waitable;
  if (!again || seconds === 0 || !on.includes(again.waitsFor)) return false;
  const pause = Math.max(again.seconds ?? 0, pauseSeconds(attempt.tries));
  return transaction(deps.pool, async (tx) => {
    const { rows } = await tx.query(
      `update attempts set state = 'planned', waits_for = $2, next_try_at = now() + make_interval(secs => $3),
         deadline_at = coalesce(deadline_at, now() + make_interval(secs => $4))
       where id = $1 and state = 'attempting'
         and now() + make_interval(secs => $3) <= coalesce(deadline_at, now() + make_interval(secs => $4))
       returning id`,
      [attempt.id, again.waitsFor, pause, seconds],
    );
    if (rows.length === 0) return false;
    await putOff(deps, tx, attempt, pause);
    return true;
  });
}

/** Has an attempt tried that was planned when its grant was spent. */
export const planFirst = (deps: Deps, attempt: Attempt): Promise<void> =>
  transaction(deps.pool, (tx) => putOff(deps, tx, attempt, roomSeconds));

/** What is due for so long has lost its job, or was put back by hand. */
const overdueSeconds = 5;

/** Hands planned calls that nobody came for to the executor. */
export async function awakenPlanned({ pool, executor }: Pick<ToolsDeps, 'pool' | 'executor'>): Promise<void> {
  await transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ id: string }>(
      `select id from attempts where state = 'planned' and finished_at is null
         and next_try_at < now() - make_interval(secs => $1) order by next_try_at limit 100`,
      [overdueSeconds],
    );
    for (const { id } of rows) await executor.later(tx, id, 0);
  });
}

/** Its secret is lent anew when it is tried again. */
async function putOff(deps: Deps, tx: Transaction, { id, lease }: Attempt, seconds: number): Promise<void> {
  if (lease !== null) deps.leases.end(tx, lease);
  await deps.executor.later(tx, id, seconds);
}

/**
 * Waits a while for the outcome of a planned call; after that its conversation is owed it, where one asked.
 * @returns the outcome, or that it is still planned
 */
export async function outcomeOf(
  deps: Pick<ToolsDeps, 'pool' | 'patienceMs' | 'catalogue'>,
  key: { messageId: string; step: string; digest: string },
  request: Pick<ExecuteRequest, 'reply'>,
): Promise<Execution> {
  const until = Date.now() + (deps.patienceMs ?? 15_000);
  do {
    const found = await findAttempt(deps.pool, key);
    if (found?.state === 'finished') return { ...found.execution, replayed: false };
    if (found && (await waitsLongerThan(deps, found.id, (until - Date.now()) / 1000))) break;
    await sleep(lookMs);
  } while (Date.now() < until);
  const { rows } = await deps.pool.query<WaitingRow>(
    `update attempts set follow_up = follow_up or $4 where message_id = $1 and step = $2 and digest = $3
       and finished_at is null returning id, decision_id, tool, waits_for, follow_up, deadline_at`,
    [key.messageId, key.step, key.digest, request.reply === true],
  );
  const [row] = rows;
  if (row) return planned(row, systemOf(deps.catalogue.get(row.tool)));
  const ended = await findAttempt(deps.pool, key);
  if (!ended) throw new GatehouseError('GH-INTERNAL-001', 'A planned call is gone.', { status: 500 });
  return ended.execution;
}

async function waitsLongerThan(
  { pool }: Pick<ToolsDeps, 'pool'>,
  id: string,
  seconds: number,
): Promise<boolean> {
  const { rows } = await pool.query(
    `select from attempts where id = $1 and state = 'planned' and next_try_at > now() + make_interval(secs => $2)`,
    [id, seconds],
  );
  return rows.length > 0;
}

interface WaitingRow {
  id: string;
  decision_id: string;
  tool: string;
  waits_for: WaitsFor | null;
  /** Whether its conversation is told the outcome. */
  follow_up: boolean;
  deadline_at: Date | null;
}

const causes: Record<WaitsFor, (system: string) => string> = {
  unreachable: (system) => `${system} cannot be reached`,
  busy: (system) => `${system} takes no more calls for now`,
  secrets: (system) => `The store with the secret for ${system} does not answer`,
  full: (system) => `As many calls of ${system} are under way as there may be`,
  paused: (system) => `An operator paused the calls of ${system}`,
};

/** What people call the system of a tool. */
const systemOf = (tool: Tool | undefined): string => tool?.api?.title ?? 'its system';

/** The answer for a call that waits, in words. */
function planned(row: WaitingRow, system: string): Execution {
  const { id, decision_id, waits_for, follow_up, deadline_at } = row;
  const cause = waits_for === null ? 'It is under way' : causes[waits_for](system);
  const until = deadline_at === null ? '' : ` until ${deadline_at.toISOString().slice(11, 16)} UTC`;
  const told = follow_up ? ', and the outcome follows here' : '';
  const sentence = `${cause}, so it is not done yet. It is tried again${until}${told}.`;
  const text = sentence.charAt(0).toUpperCase() + sentence.slice(1);
  const reasons = [{ code: `waits_${waits_for ?? 'unreachable'}`, text }];
  return { status: 'planned', text, reasons, attempt: id, decision: decision_id };
}
