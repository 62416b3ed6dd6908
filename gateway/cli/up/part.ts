import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatehouseError } from '../../config/index.ts';
import { endProcess, identityOf, type ProcessList } from './processes.ts';

/** How one long-lived process of the stack is started, watched and ended. */
export interface PartDefinition {
  name: 'postgres' | 'runner' | 'gateway' | 'n8n';
  /** starts the process as the leader of a group of its own */
  spawn: () => ChildProcess;
  /** whether it answers; asked several times a second while it starts */
  healthy: () => Promise<boolean>;
  /** signal that asks for an orderly end, and the one that insists */
  signals: [NodeJS.Signals, NodeJS.Signals];
  /** most milliseconds between the two signals */
  graceMs: number;
  /** most milliseconds from spawn to healthy */
  startMs: number;
  log: string;
}

/** A process of the stack. */
export class Part {
  readonly name: PartDefinition['name'];
  readonly #definition: PartDefinition;
  readonly #list: ProcessList;
  #child: ChildProcess | undefined;
  #expected = true;
  /** Called when the process ends without having been asked to. */
  onDeath: (how: string) => void = () => undefined;

  constructor(definition: PartDefinition, list: ProcessList) {
    this.name = definition.name;
    this.#definition = definition;
    this.#list = list;
  }

  /** The process number; undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Starts the process and waits until it answers.
   * @throws GatehouseError `GH-UP-004` when it ends early or does not answer in time, with the place of its log
   */
  async start(): Promise<void> {
    const begin = statSync(this.#definition.log, { throwIfNoEntry: false })?.size ?? 0;
    const child = this.#definition.spawn();
    this.#child = child;
    this.#expected = false;
    let end: string | undefined;
    child.once('error', (error) => (end ??= error.message));
    child.once('exit', (code, signal) => {
      end ??= signal ? `signal ${signal}` : `exit code ${code}`;
      if (this.#child === child) this.#child = undefined;
      if (!this.#expected && started) this.onDeath(end);
    });
    let started = false;
    if (child.pid !== undefined) await this.#list.note(this.name, child.pid);
    const until = Date.now() + this.#definition.startMs;
    while (!(await this.#definition.healthy().catch(() => false))) {
      if (this.#expected) throw new GatehouseError('GH-UP-005', `${this.name} was stopped while it started.`);
      if (end !== undefined) throw this.#failure(`ended with ${end}`, begin);
      if (Date.now() > until) {
        await this.stop();
        throw this.#failure(`did not answer within ${this.#definition.startMs / 1000} s`, begin);
      }
      await sleep(100);
    }
    started = true;
  }

  /** Ends the process: asks, then insists. Nothing happens when it does not run. */
  async stop(): Promise<void> {
    this.#expected = true;
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      const identity = identityOf(child.pid);
      if (identity !== undefined) {
        await endProcess({ pid: child.pid, identity }, this.#definition.signals, this.#definition.graceMs);
      }
      await Promise.race([exit, sleep(1000)]);
    }
    this.#child = undefined;
    await this.#list.forget(this.name);
  }

  #failure(how: string, begin: number): GatehouseError {
    const said = lastWords(this.#definition.log, begin);
    return new GatehouseError('GH-UP-004', `${this.name} ${how} while it started.${said}`, {
      status: 500,
      next: `Its log: ${this.#definition.log}`,
    });
  }
}

/** The last plain lines that a process wrote to its log from `begin` on; JSON lines are for machines. */
function lastWords(log: string, begin: number): string {
  try {
    const whole = readFileSync(log);
    // A log that grew large was put aside meanwhile.
    const lines = whole
      .subarray(begin <= whole.length ? begin : 0)
      .toString('utf8')
      .split('\n');
    return lines
      .filter((line) => line.trim() !== '' && !line.startsWith('{'))
      .slice(-6)
      .map((line) => `\n  ${line.slice(0, 300)}`)
      .join('');
  } catch {
    return '';
  }
}
