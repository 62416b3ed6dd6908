import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startN8n, type Variant } from '../../support/n8n-server.ts';

/** An n8n server of its own with the bench's workflow. */
export interface Instance {
  /** Address of the webhook of `workflow.json`, which answers when its execution is over. */
  webhook: string;
  stop(): Promise<void>;
}

/** The workflow that both variants run: a webhook, a node that does nothing, an answer. */
export const workflowFile = join(import.meta.dirname, 'workflow.json');
const { id: workflowId } = JSON.parse(await readFile(workflowFile, 'utf8')) as { id: string };

/** Starts an n8n with the bench's workflow published. */
export async function startInstance(variant: Variant): Promise<Instance> {
  const server = await startN8n(variant, async (n8n) => {
    await n8n.command(['import:workflow', `--input=${workflowFile}`]);
    await n8n.command(['publish:workflow', `--id=${workflowId}`]);
  });
  const webhook = `${server.url}/webhook/bench-bare`;
  // n8n answers before it has brought its published workflows to life.
  const until = Date.now() + 60_000;
  for (;;) {
    const answer = await fetch(webhook, { method: 'POST' });
    await answer.body?.cancel();
    if (answer.ok) return { webhook, stop: () => server.stop() };
    if (Date.now() > until) {
      await server.stop();
      throw new Error(`${webhook} answered ${answer.status} for a minute`);
    }
    await sleep(200);
  }
}
