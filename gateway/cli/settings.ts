import { readFileSync } from 'node:fs';
import { GatehouseError, loadSettings, type Settings } from '../config/index.ts';
import { openPool, type Pool } from '../db/index.ts';
import { defaultDir, layout } from './up/index.ts';

/**
 * The settings that commands work with: `GATEHOUSE_*`, and beneath them those of the last `npm start`, unless a database
 * is named: then it is another installation.
 * @param environment usually `process.env`
 * @throws GatehouseError `GH-CLI-001` when a database is needed and there is none
 */
export function commandSettings(
  needs: { database: boolean },
  environment: NodeJS.ProcessEnv = process.env,
): Settings {
  const { own, started } = sources(environment);
  const database = databaseOf({ own, started });
  if (database === undefined && needs.database) {
    throw new GatehouseError(
      'GH-CLI-001',
      'There is no database: GATEHOUSE_DATABASE_URL is not set, and npm start was never run here.',
      {
        next: 'Set GATEHOUSE_DATABASE_URL, or run npm start.',
      },
    );
  }
  // Commands that need no database never connect to this.
  const nowhere = database === undefined ? { GATEHOUSE_DATABASE_URL: 'postgres://127.0.0.1/gatehouse' } : {};
  return loadSettings({ ...started, ...own, ...nowhere });
}

/** Whether a database is named. */
export const hasDatabase = (environment: NodeJS.ProcessEnv = process.env): boolean =>
  databaseOf(sources(environment)) !== undefined;

const databaseOf = ({ own, started }: ReturnType<typeof sources>): string | undefined =>
  own.GATEHOUSE_DATABASE_URL ?? own.GATEHOUSE_DATABASE_URL_FILE ?? started.GATEHOUSE_DATABASE_URL;

/**
 * Where the value of a setting comes from.
 * @param name `GATEHOUSE_*`
 */
export function originOf(name: string, environment: NodeJS.ProcessEnv = process.env): string {
  const { own, started } = sources(environment);
  if (own[name]) return 'environment';
  if (own[`${name}_FILE`]) return `file ${own[`${name}_FILE`]}`;
  return started[name] || started[`${name}_FILE`] ? 'npm start' : 'default';
}

function sources(environment: NodeJS.ProcessEnv): { own: NodeJS.ProcessEnv; started: NodeJS.ProcessEnv } {
  const own = Object.fromEntries(
    Object.entries(environment).filter(
      ([name, value]) => /^GATEHOUSE_(?!UP_)/.test(name) && value !== undefined && value !== '',
    ),
  );
  if (own.GATEHOUSE_DATABASE_URL || own.GATEHOUSE_DATABASE_URL_FILE) return { own, started: {} };
  const paths = layout(defaultDir(environment));
  const started = settingsOfStart(paths.running);
  // The folder may have been moved since.
  if (started.GATEHOUSE_DATA_DIR || environment.GATEHOUSE_UP_DIR) started.GATEHOUSE_DATA_DIR = paths.dir;
  // A value and its file are two names of one setting: what is given here stands for both.
  const given = new Set(Object.keys(own).map((name) => name.replace(/_FILE$/, '')));
  return {
    own,
    started: Object.fromEntries(
      Object.entries(started).filter(([name]) => !given.has(name.replace(/_FILE$/, ''))),
    ),
  };
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

function settingsOfStart(path: string): Record<string, string> {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { settings?: Record<string, string> }).settings ?? {};
  } catch {
    return {};
  }
}
