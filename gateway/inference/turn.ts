import type { Response } from 'express';
import { bulkhead, BulkheadRejectedError, TaskCancelledError } from 'cockatiel';
import { GatehouseError } from '../config/index.ts';

/** The model's time: one question at a time, a few more wait, and one whose asker left is given up. */
export interface Turns {
  /**
   * @throws GatehouseError `GH-INFER-006` (429) where too many wait already, `-007` (503) while the server stops
   * @throws Gone where the asker left
   */
  take<T>(response: Response, task: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Refuses whoever comes or waits, and waits for the question under way, which ends by itself within `graceMs` or is cut off. */
  stop(graceMs: number): Promise<void>;
}

/** The asker left, so there is nobody to answer. */
export class Gone extends Error {}

/** @param queue how many may wait */
export function createTurns(queue: number): Turns {
  const turns = bulkhead(1, queue);
  const stopping = new AbortController();
  const cutOff = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  return {
    async take(response, task) {
      if (stopping.signal.aborted) throw stops();
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      const mayBegin = AbortSignal.any([gone.signal, stopping.signal]);
      const mayGoOn = AbortSignal.any([gone.signal, cutOff.signal]);
      const work = turns.execute(() => task(mayGoOn), mayBegin);
      underWay.add(work);
      try {
        return await work;
      } catch (error) {
        if (error instanceof BulkheadRejectedError) throw full(queue);
        if (gone.signal.aborted) throw new Gone();
        if (error instanceof TaskCancelledError || cutOff.signal.aborted) throw stops();
        throw error;
      } finally {
        underWay.delete(work);
      }
    },
    async stop(graceMs) {
      stopping.abort();
      const timer = setTimeout(() => cutOff.abort(), graceMs);
      await Promise.allSettled(underWay);
      clearTimeout(timer);
    },
  };
}

const full = (queue: number): GatehouseError =>
  new GatehouseError('GH-INFER-006', `The model works, and ${queue} questions wait already.`, {
    status: 429,
    retryAfter: 5,
    next: 'Ask again in a moment, or let more wait with --queue.',
  });

const stops = (): GatehouseError =>
  new GatehouseError('GH-INFER-007', 'The model is being stopped.', {
    status: 503,
    retryAfter: 10,
    next: 'Ask again once it is started.',
  });
