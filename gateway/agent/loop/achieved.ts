import type { View } from './view.ts';

/** What a run did before it ended, in words that hold nothing of what was said. */
export function achieved({ called }: Pick<View, 'called'>): string {
  if (called.length === 0) return 'No tool was used, so nothing was changed.';
  return `Until then: ${counted(called)}.`;
}

/** Which tools were called and how that ended, each once with its count. */
export function counted(called: View['called']): string {
  const lines = new Map<string, number>();
  for (const { tool, status } of called) {
    const line = `${tool === '' || tool === 'null' ? 'an unknown tool' : tool} ${status.replaceAll('_', ' ')}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
  }
  return [...lines].map(([line, times]) => (times === 1 ? line : `${line} (${times} times)`)).join(', ');
}
