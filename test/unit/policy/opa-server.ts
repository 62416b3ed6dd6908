import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { buildBundle, findOpa } from '../../../gateway/policy/index.ts';

const opa = (await findOpa()) ?? '';
/** Whether this machine has the OPA that the tests need. */
export const hasOpa = opa !== '';

/** A real OPA that serves a bundle, and serves it anew when it changes. */
export interface OpaServer {
  url: string;
  /** Writes the bundle that it watches. */
  bundle(policiesDir: string, data: object): Promise<void>;
  stop(): Promise<void>;
}

/** Starts OPA with the bundle of these rules and data. */
export async function serveOpa(policiesDir: string, data: object): Promise<OpaServer> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-opa-'));
  const file = join(folder, 'bundle.tar.gz');
  const bundle = async (from: string, of: object): Promise<void> =>
    void (await buildBundle(opa, from, file, of));
  await bundle(policiesDir, data);
  const port = await freePort();
  const child = spawn(
    opa,
    [
      'run',
      '--server',
      '--addr',
      `127.0.0.1:${port}`,
      '--log-level',
      'error',
      '--skip-version-check',
      '--watch',
      '--bundle',
      file,
    ],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  const url = `http://127.0.0.1:${port}`;
  await healthy(url, child);
  return {
    url,
    bundle,
    async stop() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      await rm(folder, { recursive: true });
    },
  };
}

async function healthy(url: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const ok = await fetch(`${url}/health`).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (ok) return;
    if (child.exitCode !== null) break;
    await wait(50);
  }
  throw new Error('OPA did not start');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
