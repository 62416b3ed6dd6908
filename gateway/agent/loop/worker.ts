import { GatehouseError } from '../../config/index.ts';
import { Loop, settledWithin } from '../../delivery/index.ts';
import { unwanted } from '../../tools/index.ts';
import { areOver, claimNext, leaseSeconds, letGo, renew, runsSignal } from '../journal/index.ts';
import type { Breakers } from '../models/index.ts';
import type { AgentDeps, Claimed } from '../types.ts';
import { drive } from './drive.ts';

const atOnce = 8;
const lookMs = 1000;
const stopMs = 5000;
/** After an error that nobody foresaw, such as Postgres being away. */
const againSeconds = 5;

/** Works on runs, several at once; any gateway of the database takes any run. */
export interface Worker {
  start(): void;
  /** Takes no more runs and lets go of those under way at their next step; any gateway goes on with them. */
  stop(): Promise<void>;
}

interface Worked {
  run: Claimed;
  abort: AbortController;
  over: AbortController;
  work: Promise<void>;
}

export function createWorker(deps: AgentDeps, breakers: Breakers): Worker {
  const { pool, signals, approvals, log } = deps;
  const underWay = new Map<string, Worked>();
  let stops: (() => void)[] = [];
  let quitting = false;

  const work = async ({ run, abort, over }: Omit<Worked, 'work'>): Promise<void> => {
    try {
      await drive(deps, breakers, run, {
        ...{ signal: abort.signal, over: over.signal, isQuitting: () => quitting },
      });
    } catch (error) {
      // What failed can quote arguments, so only its kind is logged.
      const kind =
        error instanceof GatehouseError ? error.code : error instanceof Error ? error.name : typeof error;
      log.error({ agentRun: run.id, kind }, 'a run of the agent could not go on and is tried again');
      await letGo(pool, run, { waitsFor: [], wakeSeconds: againSeconds }).catch(() => undefined);
    }
  };
  const loop = new Loop(
    async () => {
      while (underWay.size < atOnce && !quitting) {
        const run = await claimNext(pool);
        if (!run) return;
        const begun = { run, abort: new AbortController(), over: new AbortController() };
        const entry = { ...begun, work: work(begun) };
        underWay.set(run.id, entry);
        void entry.work.finally(() => {
          if (underWay.get(run.id) === entry) underWay.delete(run.id);
          loop.wake();
        });
      }
    },
    lookMs,
    log,
  );
  const heartbeat = async (): Promise<void> => {
    const runs = [...underWay.values()].map(({ run }) => run);
    if (runs.length === 0) return;
    const ours = await renew(pool, runs);
    const lost = runs.map(({ id }) => id).filter((id) => !ours.includes(id));
    for (const id of lost) underWay.get(id)?.abort.abort();
    // Another gateway that took a run goes on with its calls; what is over has no use for them.
    if (lost.length > 0) for (const id of await areOver(pool, lost)) underWay.get(id)?.over.abort(unwanted);
  };
  /** A run that was stopped must not go on thinking. */
  const heard = (id: string): void => {
    loop.wake();
    if (underWay.has(id)) void heartbeat().catch(() => undefined);
  };

  return {
    start() {
      if (stops.length > 0) return;
      const beat = setInterval(
        () => {
          heartbeat().catch((error: unknown) =>
            log.warn({ err: error }, 'runs of the agent were not renewed'),
          );
        },
        (leaseSeconds * 1000) / 4,
      );
      stops = [
        signals.on(runsSignal, heard),
        approvals.onChange(() => loop.wake()),
        () => clearInterval(beat),
      ];
      loop.start();
    },
    async stop() {
      for (const stop of stops.splice(0)) stop();
      quitting = true;
      await loop.stop();
      const rest = [...underWay.values()];
      // A question that is under way is paid for, so its answer is waited for a while.
      await settledWithin(
        rest.map((entry) => entry.work),
        stopMs,
      );
      for (const { abort } of rest) abort.abort();
      await settledWithin(
        rest.map((entry) => entry.work),
        stopMs,
      );
    },
  };
}
