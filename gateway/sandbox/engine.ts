import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import type { z } from 'zod';
import type { Logger } from '../config/index.ts';
import { containerOf, runnerLabel } from './container.ts';
import { unavailable, type RunRequestSchema, type RunResult } from './contract.ts';
import { Output } from './output.ts';

type Job = z.output<typeof RunRequestSchema>;

/** Runs jobs in single-use containers of one Docker engine. */
export interface Engine {
  /** @param signal aborts the run; its container is removed all the same */
  run(job: Job, signal: AbortSignal): Promise<RunResult>;
  /** Removes what an earlier process of this runner left. @returns how many containers */
  removeOrphans(): Promise<number>;
  /** Fetches the image where the engine does not have it. */
  prepare(): Promise<void>;
}

/** What the types of dockerode leave open. Docker sends both outputs in one stream. */
interface Demultiplexer {
  demuxStream(
    stream: NodeJS.ReadableStream,
    stdout: NodeJS.WritableStream,
    stderr: NodeJS.WritableStream,
  ): void;
}

/** How long Docker may take to hand over the last output after the process ended. */
const drainMs = 2000;

/**
 * @param runner name of this runner; its containers carry it
 * @param image has at least `sh`
 */
export function createEngine(options: {
  docker: Docker;
  image: string;
  runner: string;
  log: Logger;
}): Engine {
  const { docker, image, runner, log } = options;

  const remove = async (container: Docker.Container): Promise<void> => {
    for (let attempt = 0; attempt < 5; attempt += 1) {
      try {
        await container.remove({ force: true, v: true });
        return;
      } catch (error) {
        if (statusOf(error) === 404) return;
        await sleep(200 * (attempt + 1));
      }
    }
    log.error(
      { container: container.id },
      'a sandbox container could not be removed; the next start tries again',
    );
  };

  return {
    async run(job, signal) {
      let container: Docker.Container | undefined;
      try {
        if (signal.aborted) return unavailable('cancelled', 'The run was cancelled before it began.');
        container = await docker.createContainer(containerOf(image, runner, job));
        return await runIn(container, job, signal);
      } catch (error) {
        return failure(error, job, image);
      } finally {
        if (container) await remove(container);
      }
    },

    async removeOrphans() {
      const left = await docker.listContainers({
        all: true,
        filters: { label: [`${runnerLabel}=${runner}`] },
      });
      for (const { Id } of left) await remove(docker.getContainer(Id));
      return left.length;
    },

    async prepare() {
      try {
        await docker.getImage(image).inspect();
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
        log.info({ image }, 'pulling the sandbox image');
        const progress = await docker.pull(image);
        await new Promise<void>((resolve, reject) => {
          docker.modem.followProgress(progress, (failed) => (failed ? reject(failed) : resolve()));
        });
      }
    },
  };
}

async function runIn(container: Docker.Container, job: Job, signal: AbortSignal): Promise<RunResult> {
  const stream = await container.attach({
    stream: true,
    stdin: job.stdin !== undefined,
    stdout: true,
    stderr: true,
    hijack: true,
  });
  let ended: 'timeout' | 'cancelled' | undefined;
  const kill = (): void => void container.kill().catch(() => undefined);
  const output = new Output(job.limits.outputBytes, kill);
  (container.modem as Demultiplexer).demuxStream(stream, output.stdout, output.stderr);
  // A reset of this stream says no more than the end of the process does, which is waited for below.
  stream.on('error', () => undefined);
  const drained = finished(stream, { writable: false }).catch(() => undefined);
  const cancel = (): void => {
    ended ??= 'cancelled';
    kill();
  };

  const began = performance.now();
  await container.start();
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  const timer = setTimeout(() => {
    ended ??= 'timeout';
    kill();
  }, job.limits.timeoutMs);
  if (job.stdin !== undefined) stream.end(job.stdin);
  let exitCode: number;
  try {
    ({ StatusCode: exitCode } = (await container.wait()) as { StatusCode: number });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
  }
  const durationMs = Math.round(performance.now() - began);
  await Promise.race([drained, sleep(drainMs)]);
  const { OOMKilled } = (await container.inspect()).State;
  const text = { stdout: output.text('stdout'), stderr: output.text('stderr'), durationMs };
  const { limits } = job;

  if (ended === 'cancelled') return { ...unavailable('cancelled', 'The run was cancelled.'), ...text };
  if (output.full) return limited('output_limit', `more than ${limits.outputBytes} bytes of output`, text);
  if (ended === 'timeout') return limited('timeout', `more than ${limits.timeoutMs} ms`, text);
  if (OOMKilled) return limited('oom', `more than ${limits.memoryMb} MB of memory`, text);
  return { status: exitCode === 0 ? 'ok' : 'error', exitCode, ...text, reason: null };
}

function limited(
  status: 'output_limit' | 'timeout' | 'oom',
  what: string,
  text: Pick<RunResult, 'stdout' | 'stderr' | 'durationMs'>,
): RunResult {
  return {
    status,
    exitCode: null,
    ...text,
    reason: { code: status, text: `The code was stopped: it used ${what}.` },
  };
}

function failure(error: unknown, job: Job, image: string): RunResult {
  const message = error instanceof Error ? error.message : String(error);
  if (/executable file not found|no such file or directory.*exec|exec:.*not found/i.test(message)) {
    const text = `The sandbox image ${image} cannot run ${job.language}.`;
    return { ...unavailable('language_unavailable', text), status: 'error' };
  }
  if (statusOf(error) === 404)
    return unavailable('image_missing', `Docker does not have the image ${image}.`);
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
