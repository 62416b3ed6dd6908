import type { Queryable } from '../db/index.ts';
import { readRun, readSteps, type RunRow } from './journal/index.ts';
import type { Models } from './models/index.ts';
import type { Step } from './types.ts';

/** A run as those may see it whose conversation it is of. */
export interface ShownRun extends Omit<RunRow, 'messageId' | 'sessionKey'> {
  currency: string;
  /** What was done, without what was said. */
  steps: Pick<Step, 'number' | 'kind' | 'model' | 'tokensIn' | 'tokensOut' | 'cost' | 'facts' | 'at'>[];
  /** Ids of the receipts of what it did. */
  receipts: string[];
}

/** Reads a run with its steps; null for one that there is not. */
export async function readShown(
  db: Queryable,
  models: Pick<Models, 'file'>,
  id: string,
): Promise<ShownRun | null> {
  const row = await readRun(db, id);
  if (!row) return null;
  const { messageId: _message, sessionKey: _session, ...rest } = row;
  const steps = (await readSteps(db, id)).map(({ content: _said, digest: _digest, ...step }) => step);
  const receipts = steps.flatMap(({ facts }) => (typeof facts.receipt === 'string' ? [facts.receipt] : []));
  return { ...rest, currency: models.file()?.currency ?? 'EUR', steps, receipts };
}
