import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { glob } from 'node:fs/promises';
import type { StrykerOptions } from '@stryker-mutator/api/core';
import { commonTokens, declareFactoryPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import {
  DryRunStatus,
  MutantRunStatus,
  TestStatus,
  type DryRunOptions,
  type DryRunResult,
  type MutantRunOptions,
  type MutantRunResult,
  type TestRunner,
} from '@stryker-mutator/api/test-runner';
import { rooms } from './rooms.ts';
import type { Outcome, Request } from './worker.ts';

/** Runs a room's tests in a process that stays, and in a new one for a mutant that acts while the code is loaded. */
class RoomRunner implements TestRunner {
  readonly #room: string;
  #worker: ChildProcess | null = null;

  constructor(options: StrykerOptions) {
    this.#room = String(options.room);
  }

  capabilities(): { reloadEnvironment: boolean } {
    return { reloadEnvironment: true };
  }

  async dryRun({ timeout }: DryRunOptions): Promise<DryRunResult> {
    const outcome = await this.#run({ bail: false }, timeout);
    if (outcome === 'late') return { status: DryRunStatus.Timeout };
    if (outcome === 'ended') return { status: DryRunStatus.Error, errorMessage: 'The tests ended early.' };
    return {
      status: DryRunStatus.Complete,
      tests: outcome.tests.map(({ id, file, skipped, ms, error }) => {
        const test = { id, name: id, timeSpentMs: ms, fileName: file };
        if (skipped) return { ...test, status: TestStatus.Skipped };
        return error === undefined
          ? { ...test, status: TestStatus.Success }
          : { ...test, status: TestStatus.Failed, failureMessage: error };
      }),
      ...(outcome.coverage && { mutantCoverage: outcome.coverage }),
    };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { activeMutant, testFilter: only, hitLimit, timeout, disableBail, reloadEnvironment } = options;
    if (reloadEnvironment) await this.dispose();
    const outcome = await this.#run(
      { mutant: activeMutant.id, only, hitLimit, bail: !disableBail },
      timeout,
      {
        ...(reloadEnvironment && { __STRYKER_ACTIVE_MUTANT__: activeMutant.id }),
      },
    );
    if (reloadEnvironment) await this.dispose();
    if (outcome === 'late') return { status: MutantRunStatus.Timeout };
    if (outcome === 'ended') return killed(only ?? [], 'The change ended the process.', 0);
    const failed = outcome.tests.filter(({ error }) => error !== undefined);
    const nrOfTests = outcome.tests.length;
    if (failed.length === 0) return { status: MutantRunStatus.Survived, nrOfTests };
    return killed(
      failed.map(({ id }) => id),
      failed[0]?.error ?? '',
      nrOfTests,
    );
  }

  async dispose(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    if (worker?.exitCode !== null || worker.signalCode !== null) return;
    const ended = once(worker, 'exit');
    worker.kill('SIGKILL');
    await ended;
  }

  /** @returns `late` after the timeout, `ended` where the process did */
  async #run(
    request: Request,
    timeout: number,
    env?: NodeJS.ProcessEnv,
  ): Promise<Outcome | 'late' | 'ended'> {
    const signal = AbortSignal.timeout(Math.ceil(timeout));
    try {
      this.#worker ??= await start(await this.#files(), env, signal);
      const answer = next(this.#worker, signal);
      this.#worker.send(request);
      return (await answer) as Outcome;
    } catch {
      await this.dispose();
      return signal.aborted ? 'late' : 'ended';
    }
  }

  /** Stryker runs this inside its copy of the repository. */
  async #files(): Promise<string[]> {
    const files: string[] = [];
    for (const pattern of rooms[this.#room]?.tests ?? [])
      for await (const file of glob(pattern)) files.push(file);
    return files;
  }
}

const killed = (killedBy: string[], failureMessage: string, nrOfTests: number): MutantRunResult => ({
  status: MutantRunStatus.Killed,
  killedBy,
  failureMessage,
  nrOfTests,
});

async function start(
  files: string[],
  env: NodeJS.ProcessEnv | undefined,
  signal: AbortSignal,
): Promise<ChildProcess> {
  const worker = fork('test/mutation/worker.ts', files, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  try {
    await next(worker, signal);
    return worker;
  } catch (error) {
    worker.kill('SIGKILL');
    throw error;
  }
}

/** The next message of a process. @throws when it ends before or the time is up */
async function next(worker: ChildProcess, signal: AbortSignal): Promise<unknown> {
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  try {
    return await Promise.race([
      once(worker, 'message', { signal: until }).then(([message]) => message as unknown),
      once(worker, 'exit', { signal: until }).then(() => {
        throw new Error('The process ended.');
      }),
    ]);
  } finally {
    over.abort();
  }
}

const create = (options: StrykerOptions): TestRunner => new RoomRunner(options);
create.inject = tokens(commonTokens.options);

export const strykerPlugins = [declareFactoryPlugin(PluginKind.TestRunner, 'room', create)];
/** Lets the command hand the room's name through Stryker's options. */
export const strykerValidationSchema = { properties: { room: { type: 'string' } } };
