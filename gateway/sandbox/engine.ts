import type { KeyObject } from 'node:crypto';
import type { Names } from '../egress/index.ts';
import { GatehouseError, type Logger } from '../config/index.ts';
import { defaultLimits } from './container.ts';
import type { Containers } from './containers.ts';
import { Language, unavailable, type Ending, type Limits } from './contract.ts';
import { NoForwarder } from './egress/attach.ts';
import { createProxy } from './egress/proxy.ts';
import { canReach, setupFor } from './egress/setup.ts';
import type { Images } from './images.ts';
import type { Waiting } from './launch.ts';
import type { OutputName } from './output.ts';
import { WarmPool } from './pool.ts';
import { runIn, type Job } from './run.ts';
import { NoUid } from './uids.ts';

/** How containers wait: at most so many of a language, half of them given up after a span without a run. */
export interface Warmth {
  max: number;
  idleMs: number;
}

/** Runs jobs in single-use containers of one Docker engine. */
export class Engine {
  readonly #containers: Containers;
  readonly #images: Images;
  readonly #log: Logger;
  readonly #key: KeyObject;
  readonly #egress: { names?: Names } | undefined;
  readonly #pools: Map<string, WarmPool>;

  /**
   * @param options.key opens the secrets of orders
   * @param options.egress present where runs may use the egress proxy; `names` finds the addresses of a name
   */
  constructor(options: {
    containers: Containers;
    images: Images;
    warmth: Warmth;
    key: KeyObject;
    egress?: { names?: Names } | undefined;
    log: Logger;
  }) {
    const { containers, images, warmth, key, egress, log } = options;
    this.#containers = containers;
    this.#images = images;
    this.#key = key;
    this.#egress = egress;
    this.#log = log;
    const pool = (language: Language, linked: boolean): WarmPool =>
      new WarmPool({
        ...warmth,
        launch: () => containers.launch(language, defaultLimits, linked),
        retire: (waiting) => containers.retire(waiting),
        failed: (error) => log.debug({ err: error, language }, 'no container waits'),
      });
    const linked = egress ? Language.options.filter(canReach) : [];
    this.#pools = new Map([
      ...Language.options.map((language): [string, WarmPool] => [language, pool(language, false)]),
      ...linked.map((language): [string, WarmPool] => [poolName(language, true), pool(language, true)]),
    ]);
  }

  /**
   * Runs a job in a container that waits, or in a new one where none does or its limits are not the default ones.
   * @param emit gets the output as it comes, at most `limits.outputBytes` of it
   * @param signal aborts the run; its container is removed all the same
   * @throws GatehouseError of the body, which then did not run
   */
  async run(job: Job, emit: (name: OutputName, chunk: Buffer) => void, signal: AbortSignal): Promise<Ending> {
    let waiting: Waiting | undefined;
    const proxy = job.egress && (await createProxy({ rules: job.egress, key: this.#key, ...this.#egress }));
    const linked = proxy !== undefined;
    try {
      if (signal.aborted) return unavailable('cancelled', 'The run was cancelled before it began.');
      if (isDefault(job.limits)) waiting = this.#pools.get(poolName(job.language, linked))?.take();
      waiting ??= await this.#containers.launch(job.language, job.limits, linked);
      if (proxy) waiting.link?.carry(proxy);
      const setup = proxy ? setupFor(job.language, proxy.settings) : Buffer.alloc(0);
      const { container } = waiting;
      const kill = (): void => this.#containers.kill({ container });
      const ending = await runIn(waiting, job, setup, emit, kill, signal);
      return { ...ending, egress: [...(proxy?.uses ?? [])] };
    } catch (error) {
      if (error instanceof GatehouseError) throw error;
      this.#log.warn({ err: error, language: job.language }, 'a run failed');
      return failure(error, job, this.#images.names[job.language]);
    } finally {
      proxy?.close();
      if (waiting) this.#containers.retire(waiting);
    }
  }

  /** Starts the containers that wait. */
  warm(): void {
    for (const pool of this.#pools.values()) pool.fill();
  }

  /** How many containers wait, by language. */
  waiting(): Record<string, number> {
    return Object.fromEntries([...this.#pools].map(([language, pool]) => [language, pool.size]));
  }

  /** Ends the containers that wait. @returns when the last container is removed */
  async stop(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.stop()));
    await this.#containers.stop();
  }
}

const poolName = (language: Language, linked: boolean): string =>
  linked ? `${language} with egress` : language;

const isDefault = (limits: Limits): boolean =>
  limits.memoryMb === defaultLimits.memoryMb &&
  limits.cpus === defaultLimits.cpus &&
  limits.pids === defaultLimits.pids;

function failure(error: unknown, job: Job, image: string): Ending {
  const message = error instanceof Error ? error.message : String(error);
  if (/executable file not found|no such file or directory.*exec|exec:.*not found/i.test(message)) {
    const text = `The sandbox image ${image} cannot run ${job.language}.`;
    return { ...unavailable('language_unavailable', text), status: 'error' };
  }
  if (error instanceof NoForwarder) {
    const text = `The sandbox image ${image} lacks Perl, which carries connections to the egress proxy.`;
    return { ...unavailable('egress_unavailable', text), status: 'error' };
  }
  if (error instanceof NoUid) {
    const text = 'Every user id of the runner is in use; give it more with --uids, or try again in a moment.';
    return unavailable('busy', text);
  }
  if (statusOf(error) === 404) {
    const text = `Docker does not have the image ${image}; npm run build:sandbox builds the default ones.`;
    return unavailable('image_missing', text);
  }
  if (statusOf(error) === undefined)
    return unavailable('docker_unreachable', 'The runner cannot reach Docker.');
  return unavailable(
    'docker_failed',
    'Docker could not run the container; the log of the runner has the cause.',
  );
}

function statusOf(error: unknown): number | undefined {
  return (error as { statusCode?: number } | null)?.statusCode;
}
