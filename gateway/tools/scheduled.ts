import type { Logger } from '../config/index.ts';
import { transaction, type Pool } from '../db/index.ts';
import type { Delivery } from '../delivery/index.ts';
import type { Due } from '../durable/index.ts';
import { scheduleWorkflow, type Automations } from '../sessions/index.ts';
import type { Tools } from './tools.ts';

/**
 * Makes the call that an automation declares for a time. It is decided, approved where due and attested like every other
 * call; of one that is not done at once, the owner is told. The same time again is the same call.
 */
export async function runScheduled(
  deps: {
    pool: Pool;
    automations: Pick<Automations, 'scheduled'>;
    delivery: Pick<Delivery, 'openRun' | 'authenticateRun' | 'runDone' | 'notify'>;
    tools: Pick<Tools, 'execute'>;
    log: Logger;
  },
  { name, at }: Due,
): Promise<void> {
  const { pool, automations, delivery, tools, log } = deps;
  const automation = automations.scheduled().find((entry) => entry.name === name);
  if (!automation) return log.warn({ automation: name }, 'a schedule is not declared any more');
  const time = at.toISOString();
  const opened = await delivery
    .openRun({
      trigger: { kind: 'schedule', automation: name },
      executionId: time,
      workflowId: scheduleWorkflow,
      nodeId: name,
      itemIndex: 0,
    })
    .catch((error: unknown) => {
      // Its run is over: it was done before.
      if ((error as { code?: unknown }).code === 'GH-RUN-001') return null;
      throw error;
    });
  if (!opened) return;
  const run = await delivery.authenticateRun(opened.run.token);
  const { tool, args } = automation.call;
  const { status, text = status } = await tools.execute(run, { tool, args, step: 'schedule' });
  await transaction(pool, async (tx) => {
    if (status !== 'succeeded')
      await delivery.notify(tx, {
        principal: automation.owner,
        id: `schedule ${name} ${time}`,
        card: `schedule ${name} ${time}`,
        body: { text: `${automation.display}, ${time.slice(0, 16).replace('T', ' ')} UTC: ${text}` },
        to: () => true,
      });
    await delivery.runDone(tx, run.runId);
  });
}
