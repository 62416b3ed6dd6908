import { readFileSync } from 'node:fs';
import { GatehouseError, loadSettings, type Settings } from '../config/index.ts';
import { openPool, type Pool } from '../db/index.ts';
import { defaultDir, layout } from './up/index.ts';

/**
 * The settings that commands work with: `GATEHOUSE_*`, and where no database is named, the one of `npm start`.
 * @param environment usually `process.env`
 * @throws GatehouseError `GH-CLI-001` when a database is needed and there is none
 */
export function commandSettings(
  needs: { database: boolean },
  environment: NodeJS.ProcessEnv = process.env,
): Settings {
  const own = Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith('GATEHOUSE_UP_')),
  );
  if (own.GATEHOUSE_DATABASE_URL || own.GATEHOUSE_DATABASE_URL_FILE) return loadSettings(own);
  const paths = layout(defaultDir(environment));
  const databaseUrl = runningDatabase(paths.running);
  if (databaseUrl === undefined && needs.database) {
    throw new GatehouseError(
      'GH-CLI-001',
      'There is no database: GATEHOUSE_DATABASE_URL is not set, and npm start was never run here.',
      {
        next: 'Set GATEHOUSE_DATABASE_URL, or run npm start.',
      },
    );
  }
  return loadSettings({
    GATEHOUSE_DATA_DIR: paths.dir,
    ...own,
    // Commands that need no database never connect to this.
    GATEHOUSE_DATABASE_URL: databaseUrl ?? 'postgres://127.0.0.1/gatehouse',
  });
}

/** Runs `work` with a connection pool that is closed after it. */
export async function withPool<T>(settings: Settings, work: (pool: Pool) => Promise<T>): Promise<T> {
  const pool = openPool(settings.databaseUrl, 2);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

function runningDatabase(path: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { databaseUrl: string }).databaseUrl;
  } catch {
    return undefined;
  }
}
