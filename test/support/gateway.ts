import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts, repository } from '../../gateway/cli/up/index.ts';

/** What `/readyz` says. */
export interface Readiness {
  status: number;
  checks: Record<string, { state: string; text?: string }>;
}

/** The real gateway as a process of its own, with policies and data in a folder that goes with it. */
export interface GatewayProcess {
  publicUrl: string;
  internalUrl: string;
  policiesDir: string;
  dataDir: string;
  pid: number;
  /** What it wrote so far, log lines and all. */
  said(): string;
  /** What `/readyz` says, once `when` holds. */
  readiness(what: string, when: (seen: Readiness) => boolean): Promise<Readiness>;
  /** Reads the policy files again, as an operator asks for it. */
  reload(): void;
  stop(): Promise<void>;
}

/** Where a gateway of a test keeps its files. @param prepare changes the copy of the policies, or sets secrets */
export async function gatewayFolder(
  prepare: (folder: { policiesDir: string; dataDir: string }) => Promise<void> | void = () => undefined,
): Promise<{ policiesDir: string; dataDir: string; remove(): Promise<void> }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-gateway-'));
  const policiesDir = join(dataDir, 'policies');
  cpSync(join(repository, 'policies'), policiesDir, { recursive: true });
  await prepare({ policiesDir, dataDir });
  return { policiesDir, dataDir, remove: () => rm(dataDir, { recursive: true, force: true }) };
}

function start(env: NodeJS.ProcessEnv): { child: ReturnType<typeof spawn>; said: () => string } {
  const child = spawn(process.execPath, [join(repository, 'gateway/main.ts')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (said += text));
  return { child, said: () => said };
}

async function environment(
  folder: { policiesDir: string; dataDir: string },
  env: NodeJS.ProcessEnv,
): Promise<{ env: NodeJS.ProcessEnv; ports: Awaited<ReturnType<typeof freePorts>> }> {
  const ports = await freePorts();
  return {
    ports,
    env: {
      GATEHOUSE_DATA_DIR: folder.dataDir,
      GATEHOUSE_POLICIES_DIR: folder.policiesDir,
      GATEHOUSE_PUBLIC_PORT: String(ports.public),
      GATEHOUSE_INTERNAL_PORT: String(ports.internal),
      // Nothing listens there: n8n is down.
      GATEHOUSE_N8N_URL: `http://127.0.0.1:${ports.n8n}`,
      GATEHOUSE_DEMO: 'true',
      ...env,
    },
  };
}

/** Starts a gateway that refuses to. @returns its exit code and what it said */
export async function refusedStart(
  folder: { policiesDir: string; dataDir: string },
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; said: string }> {
  const { child, said } = start((await environment(folder, env)).env);
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  return { code, said: said() };
}

/** Starts a gateway and waits until it listens. @param patienceMs how long, where many tests share the machine */
export async function startGateway(
  folder: { policiesDir: string; dataDir: string },
  env: NodeJS.ProcessEnv,
  patienceMs = 120_000,
): Promise<GatewayProcess> {
  const { env: whole, ports } = await environment(folder, env);
  const { child, said } = start(whole);
  const closed = once(child, 'close');
  const internalUrl = `http://127.0.0.1:${ports.internal}`;
  await until('a gateway that listens', patienceMs, async () => {
    assert.equal(child.exitCode, null, said());
    return fetch(`http://127.0.0.1:${ports.public}/healthz`).then(
      (answer) => answer.ok,
      () => false,
    );
  });
  return {
    ...folder,
    publicUrl: `http://localhost:${ports.public}`,
    internalUrl,
    pid: child.pid ?? 0,
    said,
    reload: () => void child.kill('SIGHUP'),
    async readiness(what, when) {
      let seen: Readiness = { status: 0, checks: {} };
      await until(
        what,
        30_000,
        async () => {
          const answer = await fetch(`${internalUrl}/readyz`);
          seen = { status: answer.status, checks: ((await answer.json()) as Readiness).checks };
          return when(seen);
        },
        () => JSON.stringify(seen),
      );
      return seen;
    },
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await closed;
      clearTimeout(late);
    },
  };
}

/** Waits until `check` holds. @param seen what is in the failure */
export async function until(
  what: string,
  ms: number,
  check: () => Promise<boolean>,
  seen: () => string = () => '',
): Promise<void> {
  const end = Date.now() + ms;
  while (!(await check())) {
    if (Date.now() > end) assert.fail(`there was never ${what}; last seen: ${seen()}`);
    await sleep(50);
  }
}
