import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { Gauge } from 'prom-client';
import type { Logger } from '../config/index.ts';

const overdue = new Gauge({
  name: 'gatehouse_sandbox_overdue_containers',
  help: 'Containers that have to be gone and that the Docker engine did not end when it was asked to',
});

/** The engine ends a process within seconds, or says why not. */
const answerMs = 15_000;
const longestPauseMs = 2000;
/** For how long a runner that stops still tries. */
const leaveMs = 3000;

/** Ends containers: asks the engine again, after growing pauses, until it says that they are gone. */
export class Reaper {
  readonly #log: Logger;
  readonly #work = new Set<Promise<void>>();
  /** Containers that the engine failed to end, and how many asks are at it. */
  readonly #overdue = new Map<string, number>();
  #until = Infinity;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Ends the processes of a container that must not run on. */
  kill(container: Docker.Container): void {
    const over = [404, 409];
    void this.#ask('kill', container, (abortSignal) => container.kill({ abortSignal }), over);
  }

  /** Removes a container, also one that runs. @returns once it is gone, or a stopping runner gave up */
  remove(container: Docker.Container): Promise<void> {
    const options = { force: true, v: true };
    return this.#ask(
      'remove',
      container,
      (abortSignal) => container.remove({ ...options, abortSignal }),
      [404],
    );
  }

  /** @returns when all is gone that can be */
  async stop(): Promise<void> {
    this.#until = Date.now() + leaveMs;
    await Promise.all(this.#work);
  }

  #ask(
    what: 'kill' | 'remove',
    container: Docker.Container,
    request: (signal: AbortSignal) => Promise<unknown>,
    over: readonly number[],
  ): Promise<void> {
    const work = this.#askUntilGone(what, container, request, over).finally(() => this.#work.delete(work));
    this.#work.add(work);
    return work;
  }

  /** @param over statuses of the engine that say that there is nothing left to end */
  async #askUntilGone(
    what: 'kill' | 'remove',
    { id }: Docker.Container,
    request: (signal: AbortSignal) => Promise<unknown>,
    over: readonly number[],
  ): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await request(AbortSignal.timeout(answerMs));
        break;
      } catch (error) {
        if (over.includes((error as { statusCode?: number }).statusCode ?? 0)) break;
        if (attempt === 1) this.#count(id, 1);
        const about = { err: error, container: id, attempt };
        if (Date.now() >= this.#until) {
          this.#log.error(
            about,
            `a container is still there (${what}); the next start of a runner removes it`,
          );
          break;
        }
        this.#log.error(
          about,
          `a container that has to be gone is still there (${what}); asking Docker again`,
        );
        await sleep(Math.min(longestPauseMs, 50 * 2 ** attempt));
      }
    }
    this.#count(id, -1);
  }

  #count(id: string, change: 1 | -1): void {
    const asks = (this.#overdue.get(id) ?? 0) + change;
    if (asks > 0) this.#overdue.set(id, asks);
    else this.#overdue.delete(id);
    overdue.set(this.#overdue.size);
  }
}
