import assert from 'node:assert/strict';
import { eventually } from './person.ts';
import type { TestStack } from './stack.ts';

/** Ends a part as a power cut would: `kill -9`, nothing is flushed or told. */
export async function kill(stack: TestStack, part: keyof TestStack['processes']): Promise<void> {
  const pid = stack.processes[part];
  assert.ok(pid, `${part} runs`);
  process.kill(pid, 'SIGKILL');
  await eventually(`an end of ${part}`, 5000, () =>
    Promise.resolve({ done: stack.processes[part] !== pid, seen: String(pid) }),
  );
}
