import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { GatehouseError } from '../../config/index.ts';
import { repository, type Layout } from './layout.ts';
import { appendLog } from './logs.ts';
import type { Ports } from './ports.ts';
import { nearUrl } from './postgres.ts';
import { proxySettings } from './proxy.ts';
import { dockerUsable } from './runner.ts';
import type { State } from './state.ts';

/**
 * The gateway's environment within the stack: the user's `GATEHOUSE_*` settings, and what ties it to this Postgres and
 * this n8n.
 * @throws GatehouseError `GH-UP-006` for a setting that contradicts a stack with a Postgres and an n8n of its own
 */
export function gatewayEnvironment(
  paths: Layout,
  ports: Ports,
  state: State,
  user: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  for (const name of ['DATABASE_URL', 'DATABASE_URL_FILE', 'N8N_URL', 'DATA_DIR']) {
    if (user[`GATEHOUSE_${name}`]) {
      throw new GatehouseError('GH-UP-006', `GATEHOUSE_${name} is set, but this command brings its own.`, {
        next: 'Unset it, or run the gateway alone with: npx gatehouse gateway',
      });
    }
  }
  const settings = Object.fromEntries(
    Object.entries(user).filter(
      ([name]) => name.startsWith('GATEHOUSE_') && !/^GATEHOUSE_(UP|TEST)_/.test(name),
    ),
  );
  const place = { dir: paths.postgres, port: ports.postgres };
  return {
    PATH: user.PATH,
    HOME: user.HOME,
    TZ: user.TZ,
    LANG: user.LANG,
    NODE_OPTIONS: user.NODE_OPTIONS,
    NODE_EXTRA_CA_CERTS: user.NODE_EXTRA_CA_CERTS,
    ...proxySettings(user),
    GATEHOUSE_DEMO: 'true',
    ...(dockerUsable(user) ? { GATEHOUSE_RUNNER_URL: `http://127.0.0.1:${ports.runner}` } : {}),
    ...settings,
    NODE_ENV: 'production',
    GATEHOUSE_DATABASE_URL: nearUrl(place, 'gatehouse', state.postgres.gatehouse, 'gatehouse'),
    GATEHOUSE_DATA_DIR: paths.dir,
    GATEHOUSE_PUBLIC_PORT: String(ports.public),
    GATEHOUSE_INTERNAL_PORT: String(ports.internal),
    GATEHOUSE_N8N_DATABASE_URL: `postgres://n8n:${state.postgres.n8n}@127.0.0.1:${ports.postgres}/n8n`,
    GATEHOUSE_N8N_URL: `http://127.0.0.1:${ports.n8n}`,
  };
}

/** Of the gateway's environment what other commands need to reach the same installation. */
export function gatewaySettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => name.startsWith('GATEHOUSE_')));
}

/** Starts the gateway as the leader of a process group. */
export function spawnGateway(environment: NodeJS.ProcessEnv, log: string): ChildProcess {
  const out = appendLog(log);
  return spawn(process.execPath, [join(repository, 'gateway/main.ts')], {
    cwd: repository,
    detached: true,
    stdio: ['ignore', out, out],
    env: environment,
  });
}

/** Whether the gateway listens. */
export async function gatewayAnswers(internalPort: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${internalPort}/healthz`, {
    signal: AbortSignal.timeout(2000),
  });
  await answer.body?.cancel();
  return answer.ok;
}

/** What `/readyz` says is missing. @returns an empty list when everything is ready */
export async function notReady(internalPort: number): Promise<string[]> {
  try {
    const answer = await fetch(`http://127.0.0.1:${internalPort}/readyz`, {
      signal: AbortSignal.timeout(5000),
    });
    const body = (await answer.json()) as { checks?: Record<string, { state: string; text?: string }> };
    if (answer.ok) return [];
    const missing = Object.entries(body.checks ?? {}).filter(([, check]) => check.state === 'down');
    return missing.map(([name, check]) => (check.text ? `${name}: ${check.text}` : name));
  } catch {
    return ['the gateway does not answer'];
  }
}
