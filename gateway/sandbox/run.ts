import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable, type Ending, type Language, type Limits } from './contract.ts';
import type { EgressRules } from './egress/contract.ts';
import { mostArtefactTarBytes, readArtefacts } from './files.ts';
import type { Waiting } from './launch.ts';
import { Output, type OutputName } from './output.ts';

/** What one container is to do. */
export interface Job {
  language: Language;
  limits: Limits;
  artefacts: readonly string[];
  /** What it may reach. */
  egress?: EgressRules | undefined;
  bytes: { files: number; stdin: number; code: number };
  /** Passes a tar of files, stdin and the code, one after the other; throws for what cannot be run, before the code comes. */
  body: (pass: (part: Buffer) => void) => Promise<void>;
}

/** How long Docker may take to hand over the last output after the process ended. */
const drainMs = 2000;
/** For how long Docker is left alone once the code is in: until its first output it has better to do. */
const quietMs = 50;
/** How long Docker may take to say how a container ended that was killed, or that is over. */
const tellMs = 10_000;

/**
 * Hands a job to a container that waits and follows it to its end, which the deadline, a limit or `signal` may bring.
 * @param setup runs before the code, in its language
 * @param kill ends the container's processes, however often it takes
 * @throws what the engine answers, and what the job's body throws
 */
export async function runIn(
  { container, ended, open, write }: Waiting,
  { limits, artefacts, bytes, body }: Job,
  setup: Buffer,
  emit: (name: OutputName, chunk: Buffer) => void,
  kill: () => void,
  signal: AbortSignal,
): Promise<Ending> {
  let stopped: 'timeout' | 'cancelled' | undefined;
  const late = new AbortController();
  let telling: NodeJS.Timeout | undefined;
  const end = (): void => {
    kill();
    telling ??= setTimeout(() => late.abort(), tellMs);
  };
  const cancel = (): void => {
    stopped ??= 'cancelled';
    end();
  };
  const marker = `\x1e${randomBytes(16).toString('hex')}`;
  const output = new Output({
    limit: limits.outputBytes,
    tarLimit: mostArtefactTarBytes,
    marker: artefacts.length > 0 ? `${marker}\n` : undefined,
    emit,
    stop: end,
  });
  const wanted = Buffer.from(artefacts.map((path) => `${path}\n`).join(''));
  const head = `${wanted.length} ${setup.length} ${bytes.files} ${bytes.stdin} ${bytes.code} ${marker}\n`;

  open((name, chunk) => output.write(name, chunk));
  write(Buffer.concat([Buffer.from(head), wanted, setup]));
  await body(write);
  const began = performance.now();
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  const timer = setTimeout(() => {
    stopped ??= 'timeout';
    end();
  }, limits.timeoutMs);
  let state: { exitCode: number; oom: boolean; durationMs: number } | undefined;
  try {
    await Promise.race([ended, sleep(quietMs)]);
    const { StatusCode } = (await container.wait({ abortSignal: late.signal })) as { StatusCode: number };
    const durationMs = Math.round(performance.now() - began);
    await Promise.race([ended, sleep(drainMs)]);
    const { State } = await container.inspect({ abortSignal: AbortSignal.timeout(tellMs) });
    state = { exitCode: StatusCode, oom: State.OOMKilled, durationMs };
  } catch (error) {
    if (!['AbortError', 'TimeoutError'].includes((error as Error).name)) throw error;
  } finally {
    clearTimeout(timer);
    clearTimeout(telling);
    signal.removeEventListener('abort', cancel);
  }
  output.end();
  if (!state) return unavailable('docker_silent', 'Docker did not say how the run ended; it was ended.');
  const { exitCode, oom, durationMs } = state;

  if (stopped === 'cancelled') return { ...unavailable('cancelled', 'The run was cancelled.'), durationMs };
  if (output.full)
    return limited('output_limit', `more than ${limits.outputBytes} bytes of output`, durationMs);
  if (stopped === 'timeout') return limited('timeout', `more than ${limits.timeoutMs} ms`, durationMs);
  if (oom) return limited('oom', `more than ${limits.memoryMb} MB of memory`, durationMs);
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
