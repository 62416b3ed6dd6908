import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { freePorts, startPostgres } from '../../gateway/cli/up/index.ts';
import { prepareServer, type TestDatabase } from '../support/postgres.ts';

/**
 * Starts a Postgres of the bench's own, as `npm start` runs it and as durable, and names it in
 * `GATEHOUSE_TEST_POSTGRES`.
 * @returns how to stop it again
 */
export async function benchPostgres(): Promise<() => Promise<void>> {
  // Not the temporary folder: that may be memory, where an fsync costs nothing.
  const folder = await mkdtemp('/var/tmp/gatehouse-bench-');
  await chmod(folder, 0o755);
  const { postgres: port } = await freePorts();
  const server = await startPostgres({ dir: join(folder, 'postgres'), port });
  await prepareServer(server.url);
  process.env.GATEHOUSE_TEST_POSTGRES = server.url;
  return async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
}

/** @returns the URL of a database by the server's Unix socket, as `npm start` gives it to the gateway */
export async function nearUrlOf({ url, pool }: Pick<TestDatabase, 'url' | 'pool'>): Promise<string> {
  const { rows } = await pool.query<{ unix_socket_directories: string }>('show unix_socket_directories');
  const folder = rows[0]?.unix_socket_directories;
  return folder ? `${url}?host=${encodeURIComponent(folder)}` : url;
}
