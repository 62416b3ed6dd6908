import { lookUp, queryOfWait } from '../../approvals/index.ts';
import { GatehouseError } from '../../config/index.ts';
import { transaction } from '../../db/index.ts';
import { Loop } from '../../delivery/index.ts';
import { readRun, runsSignal } from '../journal/index.ts';
import { stopRun } from '../stop.ts';
import { deliverDue } from './due.ts';
import { anyUnfinished, closeWait, storeWait } from './store.ts';
import type { Waits, WaitsDeps, WaitsTiming } from './types.ts';

const usual: WaitsTiming = {
  poll: 1000,
  executionPoll: 10_000,
  retry: 250,
  giveUp: 90_000,
  request: 10_000,
};
/** The gateway ends each wait itself; n8n's own end is for a gateway that never comes back. */
const longestWaitMs = 7 * 24 * 3_600_000;
/** A node registers while its execution still runs; n8n's own record of it may follow a moment later. */
const settlingSeconds = 5;

export function createWaits(deps: WaitsDeps): Waits {
  const { signals, agent, delivery, log } = deps;
  const timing = { ...usual, ...deps.timing };
  let lookedAt = 0;
  const loop = new Loop(
    async () => {
      if (performance.now() - lookedAt >= timing.executionPoll) {
        lookedAt = performance.now();
        await closeStopped(deps);
      }
      await deliverDue(deps, timing);
    },
    timing.poll,
    log,
  );
  let unlisten = (): void => undefined;

  return {
    async begin(context, place, requests) {
      if (!queryOfWait(place.resumePath, place, deps.settings.n8nUrl))
        throw new GatehouseError('GH-AGENT-013', 'The address is not that of this waiting node.', {
          field: 'resumePath',
          next: 'Send path and query of the address that n8n signed for this execution and node.',
        });
      const runs = await agent.startAll(context, requests, async (tx, ids) => {
        if (!(await anyUnfinished(tx, ids))) return;
        await storeWait(tx, context, { ...place, runs: ids });
        await delivery.runWaiting(tx, context.runId, place.executionId);
      });
      loop.wake();
      return { runs, waitUntil: new Date(deps.clock().getTime() + longestWaitMs).toISOString() };
    },
    start() {
      unlisten = signals.on(runsSignal, () => loop.wake());
      loop.start();
    },
    async stop() {
      unlisten();
      await loop.stop();
    },
  };
}

/**
 * Looks after runs whose execution waits no more. One that a person stopped or deleted in n8n stops them; one that was lost
 * starts over, and finds the same runs.
 */
async function closeStopped(deps: WaitsDeps): Promise<void> {
  const { pool, delivery, log } = deps;
  const { rows } = await pool.query<{
    executionId: string;
    nodeId: string;
    runId: string;
    messageId: string;
    runs: string[];
  }>(
    `select execution_id as "executionId", node_id as "nodeId", run_id as "runId", message_id as "messageId",
       agent_runs as runs from agent_waits w
     where delivered_at is null and created_at < now() - $1 * interval '1 s'
       and exists (select from agent_runs r where r.id = any(w.agent_runs) and r.finished_at is null)`,
    [settlingSeconds],
  );
  for (const { executionId, nodeId, runId, messageId, runs } of rows) {
    const state = await lookUp(deps, executionId);
    if (state !== 'gone' && state !== 'absent' && state !== 'ended') continue;
    await transaction(pool, async (tx) => {
      // A redispatch may have moved the runs to another execution meanwhile.
      if (!(await closeWait(tx, { executionId, nodeId }))) return;
      if (state === 'ended' && (await delivery.runAgain(tx, runId))) {
        log.warn({ execution: executionId, agentRuns: runs }, 'a waiting run was lost and starts over');
        return;
      }
      const why = 'The workflow run was stopped in n8n.';
      for (const id of runs) {
        const run = await readRun(tx, id, true);
        if (run?.finishedAt === null) await stopRun(tx, deps, id, { by: 'cancelled', why });
      }
      await delivery.reply(tx, {
        messageId,
        id: `${runs[0] ?? executionId}:cancelled`,
        body: { text: `${why} What the agent was doing was stopped.`, tone: 'cancelled' },
        final: true,
      });
      await delivery.runDone(tx, runId);
    });
  }
}
