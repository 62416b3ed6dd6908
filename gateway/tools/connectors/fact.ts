import type { PreviewFact } from '../../policy/index.ts';

/** One line of what a call would do, which its approval is bound to. */
export const fact = (column: string, label: string, value: string): PreviewFact => ({
  column,
  label,
  value,
  bound: true,
});
