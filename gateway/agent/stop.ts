import type { Transaction } from '../db/index.ts';
import { end, readSteps } from './journal/index.ts';
import { achieved, viewOf } from './loop/index.ts';
import type { AgentDeps, Opening } from './types.ts';

/**
 * Ends a run that the transaction has locked before its work is done, and takes back what it asked people.
 * @param why one sentence; what was achieved follows it
 */
export async function stopRun(
  tx: Transaction,
  deps: Pick<AgentDeps, 'progress'> & { approvals: Pick<AgentDeps['approvals'], 'withdraw'> },
  id: string,
  { by, why }: { by: 'person' | 'cancelled'; why: string },
): Promise<void> {
  const { rows } = await tx.query<{ opening: Opening | null }>(
    'select opening from agent_runs where id = $1',
    [id],
  );
  const opening = rows[0]?.opening ?? null;
  const view = opening && viewOf(opening, await readSteps(tx, id));
  const asked = view?.open.flatMap(({ waitsFor }) => waitsFor ?? []) ?? [];
  if (asked.length > 0) await deps.approvals.withdraw(tx, asked, 'The run of the agent was stopped.');
  const text = [why, view ? achieved(view) : ''].join('\n').trim();
  const ending = { state: 'stopped', by, result: { text } } as const;
  await end(tx, id, ending);
  await deps.progress?.ended(tx, id, ending);
}
