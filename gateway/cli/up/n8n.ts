import { spawn, type ChildProcess } from 'node:child_process';
import { globSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GatehouseError } from '../../config/index.ts';
import { appendLog } from './logs.ts';
import { n8nEnvironment, n8nProgram, type N8nOptions } from './n8n-environment.ts';

/** Objects of one execution die young: with V8's default each fills the nursery several times. */
export const serverFlags = ['--max-semi-space-size=64'];

/** Starts the n8n server as the leader of its own process group, which its task runners join. */
export function spawnN8n(options: N8nOptions): ChildProcess {
  dropAbandoned(options.userFolder);
  const out = appendLog(options.log);
  return spawn(process.execPath, [...serverFlags, n8nProgram(options), 'start'], {
    cwd: options.userFolder,
    detached: true,
    stdio: ['ignore', out, out],
    env: n8nEnvironment(options),
  });
}

/**
 * Deletes the bodies of webhook calls that a killed n8n was working on. n8n keeps them as files under `temp` until the
 * execution ends, and deletes by execution: what is still there when it starts would stay for ever.
 */
export function dropAbandoned(userFolder: string): void {
  const storage = join(userFolder, '.n8n', 'storage');
  for (const folder of globSync('workflows/*/executions/temp', { cwd: storage }))
    rmSync(join(storage, folder), { recursive: true, force: true });
}

/** Whether n8n answers and has finished its migrations. */
export async function n8nAnswers(options: Pick<N8nOptions, 'port'>): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${options.port}/healthz/readiness`, {
    signal: AbortSignal.timeout(2000),
  });
  await answer.body?.cancel();
  return answer.ok;
}

/**
 * Runs one of n8n's own commands to its end.
 * @throws GatehouseError `GH-UP-021` when it fails, with the last lines that it said
 */
export async function n8nCommand(options: N8nOptions, args: string[]): Promise<string> {
  const child = spawn(process.execPath, [n8nProgram(options), ...args], {
    cwd: options.userFolder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: n8nEnvironment(options),
    signal: options.signal,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) {
    const tail = said.trim().split('\n').slice(-5).join('\n');
    throw new GatehouseError('GH-UP-021', `n8n ${args[0]} failed:\n${tail}`, {
      status: 500,
      next: 'If n8n was changed by hand, undo it; npm run reset starts over.',
    });
  }
  return said;
}
