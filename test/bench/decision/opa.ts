import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findOpa } from '../../../gateway/policy/index.ts';

/** An OPA server, as the comparison. */
export interface OpaServer {
  /** Address of the rule that is asked. */
  url: string;
  stop(): Promise<void>;
}

/** @throws when there is no OPA: `gatehouse policy build` gets one */
export async function opaProgram(): Promise<string> {
  const program = await findOpa();
  if (!program) throw new Error('There is no OPA to compare with. Get one with: npx gatehouse policy build');
  return program;
}

/**
 * Starts OPA's own server with the rules of the repository.
 * @param data what the rules read as `data`
 */
export async function startOpa(policiesDir: string, data: object, port: number): Promise<OpaServer> {
  const work = await mkdtemp(join(tmpdir(), 'gatehouse-opa-'));
  const dataFile = join(work, 'data.json');
  await writeFile(dataFile, JSON.stringify(data));
  const server = await serveOpa([join(policiesDir, 'rego'), dataFile], 'gatehouse/decision', port);
  return {
    url: server.url,
    async stop() {
      await server.stop();
      await rm(work, { recursive: true });
    },
  };
}

/**
 * Starts OPA's own server.
 * @param what its files, or `--bundle` and one
 * @param rule the rule that is asked
 */
export async function serveOpa(what: string[], rule: string, port: number): Promise<OpaServer> {
  const address = `127.0.0.1:${port}`;
  const child = spawn(
    await opaProgram(),
    ['run', '--server', '--addr', address, '--log-level', 'error', '--skip-version-check', ...what],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  const base = `http://${address}`;
  for (let attempt = 0; ; attempt += 1) {
    const answer = await fetch(`${base}/health`).catch(() => undefined);
    if (answer?.ok) break;
    if (attempt > 100 || child.exitCode !== null) throw new Error('OPA did not start');
    await sleep(100);
  }
  return {
    url: `${base}/v1/data/${rule}`,
    async stop() {
      const gone = once(child, 'exit');
      child.kill();
      await gone;
    },
  };
}
