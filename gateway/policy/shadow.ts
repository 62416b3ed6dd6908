import { Worker } from 'node:worker_threads';
import type { Logger } from '../config/index.ts';
import type { Pool, Queryable } from '../db/index.ts';
import { effectWords } from './effects.ts';
import type { Judgement } from './judge.ts';

/** Decisions to compare: the input as JSON, and what the policy in force said. */
export type ToWorker = { id: string; tool: string; live: string; input: string }[];
/** One decision that the candidate takes otherwise. */
export interface Difference {
  id: string;
  tool: string;
  live: string;
  shadow: string;
  reasons: string[];
}
export type FromWorker =
  | { kind: 'ready'; candidate: string }
  | { kind: 'failed'; text: string }
  | { kind: 'compared'; count: number; differences: Difference[] };

/** A candidate policy that decides beside the one in force. Nothing that it does reaches a decision. */
export interface Shadow {
  /** Takes note of fresh decisions; returns at once. What is too much is dropped and counted. */
  observe(judgements: readonly Judgement[]): void;
  /** Why the candidate does not decide; undefined while it does, or is being loaded. */
  problem(): string | undefined;
  /** Reads the candidate again. Never throws: a broken one is a `problem`. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

const mostWaiting = 1000;
const batchSize = 200;

/**
 * Starts the shadow in a thread of its own.
 * @param deps.path the candidate: a policies folder, or a bundle
 * @param deps.beside the policies folder in force
 * @param deps.batchSeconds a candidate that needs longer for a batch is stopped
 */
export function startShadow(deps: {
  pool: Pool;
  path: string;
  beside: string;
  log: Pick<Logger, 'warn' | 'info'>;
  batchSeconds?: number;
}): Shadow {
  const { pool, path, beside, log, batchSeconds = 10 } = deps;
  let worker: Worker | undefined;
  let candidate: string | undefined;
  let problem: string | undefined;
  let waiting: ToWorker = [];
  let dropped = 0;
  let late: NodeJS.Timeout | undefined;

  function fail(from: Worker, text: string): void {
    if (worker !== from) return;
    worker = undefined;
    candidate = undefined;
    clearTimeout(late);
    late = undefined;
    waiting = [];
    problem = text;
    log.warn({ candidate: path, reason: text }, 'the shadow policy does not decide');
    void from.terminate();
  }

  function send(): void {
    const to = worker;
    if (!to || candidate === undefined || late || waiting.length === 0) return;
    to.postMessage(waiting.splice(0, batchSize));
    late = setTimeout(() => fail(to, `It took longer than ${batchSeconds} seconds.`), batchSeconds * 1000);
    late.unref();
  }

  function start(): void {
    problem = undefined;
    const fresh = new Worker(new URL('shadow-worker.ts', import.meta.url), {
      workerData: { path, beside },
      resourceLimits: { maxOldGenerationSizeMb: 256 },
      stdout: true,
      stderr: true,
    });
    worker = fresh;
    fresh.unref();
    fresh.on('message', (message: FromWorker) => {
      if (worker !== fresh) return;
      if (message.kind === 'failed') return fail(fresh, message.text);
      if (message.kind === 'ready') {
        candidate = message.candidate;
        log.info({ candidate: path, version: candidate }, 'a shadow policy decides beside the one in force');
      } else {
        clearTimeout(late);
        late = undefined;
        const lost = dropped;
        dropped = 0;
        keep(pool, candidate ?? '', message, lost).catch((error: unknown) =>
          log.warn({ err: error }, 'differences of the shadow policy could not be stored'),
        );
      }
      send();
    });
    fresh.on('error', (error: unknown) =>
      fail(fresh, error instanceof Error ? error.message : String(error)),
    );
    fresh.on('exit', () => fail(fresh, 'It ended by itself.'));
  }

  async function stop(): Promise<void> {
    const old = worker;
    worker = undefined;
    candidate = undefined;
    clearTimeout(late);
    late = undefined;
    await old?.terminate();
  }

  start();
  return {
    observe(judgements) {
      if (!worker) return;
      for (const { id, call, verdict, input } of judgements) {
        if (!input) continue;
        if (waiting.length >= mostWaiting) dropped += 1;
        else waiting.push({ id, tool: call.tool, live: effectWords(verdict), input: JSON.stringify(input) });
      }
      setImmediate(send);
    },
    problem: () => problem,
    async reload() {
      await stop();
      start();
    },
    stop,
  };
}

async function keep(
  db: Queryable,
  candidate: string,
  { count, differences }: { count: number; differences: Difference[] },
  dropped: number,
): Promise<void> {
  await db.query(
    `with counted as (
       insert into shadow_candidates (candidate, compared, dropped) values ($1, $2, $3)
       on conflict (candidate) do update set compared = shadow_candidates.compared + excluded.compared,
         dropped = shadow_candidates.dropped + excluded.dropped, latest = now()
     )
     insert into shadow_differences (candidate, decision_id, tool, live, shadow, reasons)
     select $1, id, tool, live, shadow, array(select jsonb_array_elements_text(reasons))
     from jsonb_to_recordset($4) as t (id text, tool text, live text, shadow text, reasons jsonb)
     on conflict do nothing`,
    [candidate, count, dropped, JSON.stringify(differences)],
  );
}

/** What the shadow policy found. */
export interface ShadowReport {
  candidates: { candidate: string; compared: number; dropped: number; since: Date; latest: Date }[];
  /** Alike ones together, the most frequent first. */
  differences: {
    candidate: string;
    tool: string;
    live: string;
    shadow: string;
    reasons: string[];
    count: number;
    examples: string[];
  }[];
}

/** @param newest how many candidates, the latest first */
export async function shadowReport(db: Queryable, newest = 3): Promise<ShadowReport> {
  const { rows: candidates } = await db.query<ShadowReport['candidates'][number]>(
    'select candidate, compared, dropped, since, latest from shadow_candidates order by latest desc limit $1',
    [newest],
  );
  const { rows: differences } = await db.query<ShadowReport['differences'][number]>(
    `select candidate, tool, live, shadow, reasons, count(*)::int as count,
       (array_agg(decision_id order by found_at desc))[:3] as examples
     from shadow_differences where candidate = any($1)
     group by candidate, tool, live, shadow, reasons order by count(*) desc limit 200`,
    [candidates.map((one) => one.candidate)],
  );
  return { candidates, differences };
}
