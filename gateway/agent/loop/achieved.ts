import type { View } from './view.ts';

/** What a run did before it ended, in words that hold nothing of what was said. */
export function achieved({ called }: Pick<View, 'called'>): string {
  if (called.length === 0) return 'No tool was used, so nothing was changed.';
  const counted = new Map<string, number>();
  for (const { tool, status } of called) {
    const line = `${tool === '' || tool === 'null' ? 'an unknown tool' : tool} ${status.replaceAll('_', ' ')}`;
    counted.set(line, (counted.get(line) ?? 0) + 1);
  }
  const parts = [...counted].map(([line, times]) => (times === 1 ? line : `${line} (${times} times)`));
  return `Until then: ${parts.join(', ')}.`;
}
