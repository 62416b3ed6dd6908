import type { Pool } from '../db/index.ts';
import { readRun, readSteps, type RunRow } from './journal/index.ts';
import type { Models } from './models/index.ts';
import { refusals } from './refusals.ts';
import type { Step } from './types.ts';

/** A run as those may see it whose conversation it is of. */
export interface ShownRun extends Omit<RunRow, 'messageId' | 'sessionKey'> {
  currency: string;
  /** What was done, without what was said. */
  steps: Pick<Step, 'number' | 'kind' | 'model' | 'tokensIn' | 'tokensOut' | 'cost' | 'facts' | 'at'>[];
}

/** @throws GatehouseError `GH-AGENT-010` for a run that there is not */
export async function shownRun(
  { pool, models }: { pool: Pool; models: Pick<Models, 'file'> },
  id: string,
): Promise<ShownRun> {
  const row = await readRun(pool, id);
  if (!row) throw refusals.unknown();
  const { messageId: _message, sessionKey: _session, ...rest } = row;
  const steps = (await readSteps(pool, id)).map(({ content: _said, digest: _digest, ...step }) => step);
  return { ...rest, currency: models.file()?.currency ?? 'EUR', steps };
}
