import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJson, writeJson } from './files.ts';

/** A process that was started here. `identity` tells it from a later process that got the same number. */
export interface Known {
  name: string;
  pid: number;
  identity: string;
}

/**
 * What makes a process number unambiguous: when the process began.
 * @returns undefined when there is no such process
 */
export function identityOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      return (
        execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
      );
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Fields after the command name, which may itself hold spaces and brackets: proc(5), state is the third.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${bootId()}:${fields[19]}`;
  } catch {
    return undefined;
  }
}

let boot: string | undefined;
function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return boot;
}

/** Whether the very process that was noted still runs. */
export function alive(known: Pick<Known, 'pid' | 'identity'>): boolean {
  return identityOf(known.pid) === known.identity;
}

/** The list of started processes on disk, so that the next start finds what a killed one left behind. */
export class ProcessList {
  readonly #path: string;
  readonly #entries = new Map<string, Known>();
  #written: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  async note(name: string, pid: number): Promise<void> {
    const identity = identityOf(pid);
    if (identity !== undefined) this.#entries.set(name, { name, pid, identity });
    await this.#write();
  }

  async forget(name: string): Promise<void> {
    if (this.#entries.delete(name)) await this.#write();
  }

  /** One after the other: parts start and stop at the same time. */
  #write(): Promise<void> {
    this.#written = this.#written
      .catch(() => undefined)
      .then(() => writeJson(this.#path, [...this.#entries.values()]));
    return this.#written;
  }
}

/**
 * Ends what an earlier, killed start left running.
 * @returns the names of what was ended
 */
export async function endLeftovers(path: string): Promise<string[]> {
  // A list that cannot be read must not keep everything from starting; ports in use are told later.
  const known = (await readJson<Known[]>(path).catch(() => undefined)) ?? [];
  // What was started last depends on what was started first.
  const running = known.filter(alive).reverse();
  for (const entry of running) {
    await endProcess(entry, entry.name === 'postgres' ? ['SIGINT', 'SIGQUIT'] : ['SIGTERM', 'SIGKILL'], 4000);
  }
  await writeJson(path, []);
  return running.map((entry) => entry.name);
}

/**
 * Ends a process and its group: asks with the first signal, insists with the second after `graceMs`.
 * @param known the process, which leads its own group
 */
export async function endProcess(
  known: Pick<Known, 'pid' | 'identity'>,
  [ask, insist]: [NodeJS.Signals, NodeJS.Signals],
  graceMs: number,
): Promise<void> {
  // Postgres takes its signals at the postmaster alone; a signal to its group would make it take them for a crash.
  signal(known.pid, ask);
  if (await gone(known, graceMs)) return;
  signal(known.pid, insist);
  signal(-known.pid, insist === 'SIGQUIT' ? 'SIGQUIT' : 'SIGKILL');
  if (await gone(known, 1000)) return;
  signal(-known.pid, 'SIGKILL');
  await gone(known, 1500);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself between the look and the signal.
  }
}

async function gone(known: Pick<Known, 'pid' | 'identity'>, withinMs: number): Promise<boolean> {
  const until = Date.now() + withinMs;
  while (alive(known)) {
    if (Date.now() > until) return false;
    await sleep(30);
  }
  return true;
}
