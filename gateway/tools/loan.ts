import type { Tool } from '../catalogue/index.ts';
import type { Leases, LeaseTarget } from '../vault/index.ts';
import type { Attempt } from './attempts.ts';
import type { Connector } from './types.ts';

/** What the secret of a call is bound to; the same for the same call, always. */
export const targetOf = (connector: Connector, tool: Tool, args: Record<string, unknown>): LeaseTarget => ({
  tool: tool.name,
  ...connector.targetFor?.(tool, args),
});

/** Runs `work` with the secret that an attempt has on loan, and gives it back however that ends. */
export async function withLoan<T>(
  leases: Pick<Leases, 'lend'>,
  { lease }: Pick<Attempt, 'lease'>,
  target: LeaseTarget,
  work: (secret: string | undefined) => Promise<T>,
): Promise<T> {
  if (lease === null) return work(undefined);
  const lent = await leases.lend(lease, target);
  try {
    return await work(lent.value);
  } finally {
    await lent.giveBack();
  }
}
