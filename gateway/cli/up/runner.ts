import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../../config/index.ts';
import { createSecretStore } from '../../vault/index.ts';
import { randomSecret } from './files.ts';
import { repository, type Layout } from './layout.ts';
import { appendLog } from './logs.ts';
import { Part } from './part.ts';
import type { ProcessList } from './processes.ts';

/** Whether a Docker engine is announced here, as the docker command finds it, and open to this user. */
export function dockerUsable(environment: NodeJS.ProcessEnv, socket = '/var/run/docker.sock'): boolean {
  if (environment.DOCKER_HOST) return true;
  try {
    accessSync(socket, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The token that the gateway shows to the runner: made once, kept in the secret store. */
export async function runnerToken(settings: Settings): Promise<string> {
  const store = createSecretStore(settings);
  const known = await store.get('runner/token');
  if (known !== undefined) return known;
  const token = randomSecret();
  await store.set('runner/token', token);
  return token;
}

/** The sandbox runner as a part of the stack: the one process that may talk to Docker. */
export function runnerPart(
  options: { paths: Layout; port: number; token: string; user: NodeJS.ProcessEnv },
  list: ProcessList,
): Part {
  const { paths, port, token, user } = options;
  const log = join(paths.logs, 'runner.log');
  const start = (): ChildProcess => {
    const out = appendLog(log);
    const program = join(repository, 'gateway/cli/main.ts');
    return spawn(process.execPath, [program, 'runner', '--egress', '--port', String(port)], {
      cwd: repository,
      detached: true,
      stdio: ['ignore', out, out],
      env: {
        PATH: user.PATH,
        HOME: user.HOME,
        DOCKER_HOST: user.DOCKER_HOST,
        GATEHOUSE_RUNNER_TOKEN: token,
      },
    });
  };
  return new Part(
    {
      name: 'runner',
      spawn: start,
      // Any answer will do: without Docker behind it the runner says so to each call.
      healthy: async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2000) });
        await answer.body?.cancel();
        return true;
      },
      signals: ['SIGTERM', 'SIGKILL'],
      graceMs: 2000,
      startMs: 30_000,
      log,
    },
    list,
  );
}
