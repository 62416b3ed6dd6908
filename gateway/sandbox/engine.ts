import { randomBytes, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { Names } from '../egress/index.ts';
import { GatehouseError, type Logger } from '../config/index.ts';
import { containerOf, defaultLimits, runnerLabel, type ContainerLimits } from './container.ts';
import { Language, unavailable, type Ending, type Limits } from './contract.ts';
import { attach, NoForwarder } from './egress/attach.ts';
import type { EgressRules } from './egress/contract.ts';
import { createProxy } from './egress/proxy.ts';
import { canReach, setupFor } from './egress/setup.ts';
import { mostArtefactTarBytes, readArtefacts } from './files.ts';
import type { Images } from './images.ts';
import { launch, type Waiting } from './launch.ts';
import { Output, type OutputName } from './output.ts';
import { WarmPool } from './pool.ts';

/** What one container is to do. */
export interface Job {
  language: Language;
  limits: Limits;
  artefacts: readonly string[];
  /** What it may reach. */
  egress?: EgressRules | undefined;
  bytes: { files: number; stdin: number; code: number };
  /** A tar of files, stdin and the code, one after the other; what cannot be run throws before the code comes. */
  body: AsyncIterable<Uint8Array>;
}

/** How containers wait: at most so many of a language, half of them given up after a span without a run. */
export interface Warmth {
  max: number;
  idleMs: number;
}

/** How long Docker may take to hand over the last output after the process ended. */
const drainMs = 2000;

/** Runs jobs in single-use containers of one Docker engine. */
export class Engine {
  readonly #docker: Docker;
  readonly #images: Images;
  readonly #runner: string;
  readonly #runtime: string | undefined;
  readonly #log: Logger;
  readonly #key: KeyObject;
  readonly #egress: { names?: Names } | undefined;
  readonly #pools: Map<string, WarmPool>;
  readonly #removals = new Set<Promise<void>>();

  /**
   * @param options.runner name of this runner; its containers carry it
   * @param options.key opens the secrets of orders
   * @param options.egress present where runs may use the egress proxy; `names` finds the addresses of a name
   */
  constructor(options: {
    docker: Docker;
    images: Images;
    runner: string;
    runtime?: string | undefined;
    warmth: Warmth;
    key: KeyObject;
    egress?: { names?: Names } | undefined;
    log: Logger;
  }) {
    const { docker, images, runner, runtime, warmth, key, egress, log } = options;
    this.#docker = docker;
    this.#images = images;
    this.#runner = runner;
    this.#runtime = runtime;
    this.#key = key;
    this.#egress = egress;
    this.#log = log;
    const pool = (language: Language, linked: boolean): WarmPool =>
      new WarmPool({
        ...warmth,
        launch: () => this.#launch(language, defaultLimits, linked),
        retire: ({ container }) => this.#retire(container),
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
      waiting ??= await this.#launch(job.language, job.limits, linked);
      if (proxy) waiting.link?.carry(proxy);
      const setup = proxy ? setupFor(job.language, proxy.settings) : Buffer.alloc(0);
      const ending = await runIn(waiting, { ...job, setup }, emit, signal);
      return { ...ending, egress: [...(proxy?.uses ?? [])] };
    } catch (error) {
      if (error instanceof GatehouseError) throw error;
      this.#log.warn({ err: error, language: job.language }, 'a run failed');
      return failure(error, job, this.#images.names[job.language]);
    } finally {
      proxy?.close();
      if (waiting) this.#retire(waiting.container);
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

  /** Removes what an earlier process of this runner left. @returns how many containers */
  async removeOrphans(): Promise<number> {
    const filters = { label: [`${runnerLabel}=${this.#runner}`] };
    const left = await this.#docker.listContainers({ all: true, filters });
    for (const { Id } of left) await this.#remove(this.#docker.getContainer(Id));
    return left.length;
  }

  /** Ends the containers that wait. @returns when the last container is removed */
  async stop(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.stop()));
    await Promise.all(this.#removals);
  }

  async #launch(language: Language, limits: ContainerLimits, linked: boolean): Promise<Waiting> {
    const image = await this.#images.id(language);
    let made: Docker.Container | undefined;
    const posture = { image, runner: this.#runner, language, limits, runtime: this.#runtime };
    try {
      const waiting = await launch(this.#docker, containerOf(posture), (container) => (made = container));
      return linked && !waiting.isOver() ? { ...waiting, link: await attach(waiting.container) } : waiting;
    } catch (error) {
      if (made) this.#retire(made);
      throw error;
    }
  }

  #retire(container: Docker.Container): void {
    const removal = this.#remove(container).finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  async #remove(container: Docker.Container): Promise<void> {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      try {
        await container.remove({ force: true, v: true });
        return;
      } catch (error) {
        if (statusOf(error) === 404) return;
        await sleep(200 * (attempt + 1));
      }
    }
    this.#log.error(
      { container: container.id },
      'a sandbox container could not be removed; the next start tries again',
    );
  }
}

const poolName = (language: Language, linked: boolean): string =>
  linked ? `${language} with egress` : language;

const isDefault = (limits: Limits): boolean =>
  limits.memoryMb === defaultLimits.memoryMb &&
  limits.cpus === defaultLimits.cpus &&
  limits.pids === defaultLimits.pids;

async function runIn(
  waiting: Waiting,
  job: Job & { setup: Buffer },
  emit: (name: OutputName, chunk: Buffer) => void,
  signal: AbortSignal,
): Promise<Ending> {
  const { container, ended } = waiting;
  const { limits, artefacts, bytes, setup } = job;
  let stopped: 'timeout' | 'cancelled' | undefined;
  const kill = (): void => void container.kill().catch(() => undefined);
  const cancel = (): void => {
    stopped ??= 'cancelled';
    kill();
  };
  const marker = `\x1e${randomBytes(16).toString('hex')}`;
  const output = new Output({
    limit: limits.outputBytes,
    tarLimit: mostArtefactTarBytes,
    marker: artefacts.length > 0 ? `${marker}\n` : undefined,
    emit,
    stop: kill,
  });
  const wanted = Buffer.from(artefacts.map((path) => `${path}\n`).join(''));
  const head = `${wanted.length} ${setup.length} ${bytes.files} ${bytes.stdin} ${bytes.code} ${marker}\n`;

  waiting.open((name, chunk) => output.write(name, chunk));
  waiting.write(Buffer.concat([Buffer.from(head), wanted, setup]));
  for await (const part of job.body) waiting.write(part);
  const began = performance.now();
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  const timer = setTimeout(() => {
    stopped ??= 'timeout';
    kill();
  }, limits.timeoutMs);
  let exitCode: number;
  try {
    ({ StatusCode: exitCode } = (await container.wait()) as { StatusCode: number });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
  }
  const durationMs = Math.round(performance.now() - began);
  await Promise.race([ended, sleep(drainMs)]);
  output.end();
  const { OOMKilled } = (await container.inspect()).State;

  if (stopped === 'cancelled') return { ...unavailable('cancelled', 'The run was cancelled.'), durationMs };
  if (output.full)
    return limited('output_limit', `more than ${limits.outputBytes} bytes of output`, durationMs);
  if (stopped === 'timeout') return limited('timeout', `more than ${limits.timeoutMs} ms`, durationMs);
  if (OOMKilled) return limited('oom', `more than ${limits.memoryMb} MB of memory`, durationMs);
  return {
    status: exitCode === 0 ? 'ok' : 'error',
    exitCode,
    durationMs,
    reason: null,
    artefacts: await readArtefacts(artefacts, output.tar),
    egress: [],
  };
}

function limited(status: 'output_limit' | 'timeout' | 'oom', what: string, durationMs: number): Ending {
  return {
    status,
    exitCode: null,
    durationMs,
    reason: { code: status, text: `The code was stopped: it used ${what}.` },
    artefacts: [],
    egress: [],
  };
}

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
