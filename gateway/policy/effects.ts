import type { Effect, Verdict } from './types.ts';

/** The part of a verdict that two policies are compared by. */
type Answer = Pick<Verdict, 'effect' | 'approvers'>;

/** An effect with what it asks for: `approve by 2 of approvers`. */
export function effectWords({ effect, approvers }: Answer): string {
  return effect === 'approve' && approvers
    ? `approve by ${approvers.quorum} of ${approvers.groups.join(', ')}`
    : effect;
}

const order: Effect[] = ['allow', 'confirm', 'approve', 'deny'];
const strictness = ({ effect, approvers }: Answer): number =>
  order.indexOf(effect) * 100 + (approvers?.quorum ?? 0);

/** Whether `after` lets more through than `before`: a weaker effect, or fewer approvers. */
export const isLooser = (before: Answer, after: Answer): boolean => strictness(after) < strictness(before);
