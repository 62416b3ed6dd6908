import type { Rotate } from './plan.ts';
import type { RotationRow } from './state.ts';

/** What may be shown of a secret's rotation. */
export interface RotationState {
  /** `pending`: a new value was made and is not in use yet. `overlap`: the former value is good as well. */
  state: 'ok' | 'pending' | 'overlap' | 'failed';
  /** Null where the secret is not set. */
  next: Date | null;
  failedSince: Date | null;
  /** Code of the last failure. */
  failure: string | null;
  /** When it was last rotated by the gateway. */
  rotatedAt: Date | null;
  overlapUntil: Date | null;
}

/** @param updatedAt when the current value was stored */
export function rotationState(
  plan: Rotate,
  row: RotationRow | undefined,
  updatedAt: string | undefined,
): RotationState {
  const since = row?.rotated_at ?? (updatedAt === undefined ? null : new Date(updatedAt));
  const failed = row?.failed_since ?? null;
  const other = row?.former_version != null ? 'overlap' : row?.candidate != null ? 'pending' : 'ok';
  return {
    state: failed === null ? other : 'failed',
    next: failed === null ? since && new Date(since.getTime() + plan.every) : (row?.next_try ?? null),
    failedSince: failed,
    failure: row?.failure ?? null,
    rotatedAt: row?.rotated_at ?? null,
    overlapUntil: row?.overlap_until ?? null,
  };
}
