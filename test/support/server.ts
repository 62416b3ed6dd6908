import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, startPostgres } from '../../gateway/cli/up/index.ts';
import { prepareServer } from './postgres.ts';

/**
 * Starts the Postgres that test files make their databases on, and names it where they look for it.
 * @returns stops it and removes what it kept
 */
export async function startTestServer(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-test-'));
  const { postgres: port } = await freePorts();
  const postgres = await startPostgres({
    dir: folder,
    port,
    // What is lost with a power cut here is a test run.
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' },
  });
  await prepareServer(postgres.url);
  process.env.GATEHOUSE_TEST_POSTGRES = postgres.url;
  return async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
