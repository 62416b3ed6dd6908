import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findOpa } from '../../../gateway/policy/index.ts';

/** An OPA server with the rules of the repository. */
export interface OpaServer {
  /** Address of the decision. */
  url: string;
  stop(): Promise<void>;
}

/**
 * Starts OPA's own server, as the comparison.
 * @param data what the rules read as `data`
 * @throws when there is no OPA: `gatehouse policy build` gets one
 */
export async function startOpa(policiesDir: string, data: object, port: number): Promise<OpaServer> {
  const program = await findOpa();
  if (!program) throw new Error('There is no OPA to compare with. Get one with: npx gatehouse policy build');
  const work = await mkdtemp(join(tmpdir(), 'gatehouse-opa-'));
  const dataFile = join(work, 'data.json');
  await writeFile(dataFile, JSON.stringify(data));
  const child = spawn(
    program,
    [
      'run',
      '--server',
      '--addr',
      `127.0.0.1:${port}`,
      '--log-level',
      'error',
      '--skip-version-check',
      join(policiesDir, 'rego'),
      dataFile,
    ],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  const base = `http://127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt += 1) {
    const answer = await fetch(`${base}/health`).catch(() => undefined);
    if (answer?.ok) break;
    if (attempt > 100 || child.exitCode !== null) throw new Error('OPA did not start');
    await sleep(100);
  }
  return {
    url: `${base}/v1/data/gatehouse/decision`,
    async stop() {
      const gone = once(child, 'exit');
      child.kill();
      await gone;
      await rm(work, { recursive: true });
    },
  };
}
