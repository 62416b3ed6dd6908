import type { Approvals } from '../approvals/index.ts';
import type { Transaction } from '../db/index.ts';
import { end, readSteps } from './journal/index.ts';
import { achieved, viewOf } from './loop/index.ts';
import type { Opening } from './types.ts';

/**
 * Ends a run that the transaction has locked before its work is done, and takes back what it asked people.
 * @param why one sentence; what was achieved follows it
 */
export async function stopRun(
  tx: Transaction,
  approvals: Pick<Approvals, 'withdraw'>,
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
  if (asked.length > 0) await approvals.withdraw(tx, asked, 'The run of the agent was stopped.');
  const text = [why, view ? achieved(view) : ''].join('\n').trim();
  await end(tx, id, { state: 'stopped', by, result: { text } });
}
