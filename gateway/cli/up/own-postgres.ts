import { join } from 'node:path';
import { randomSecret } from './files.ts';
import { Part } from './part.ts';
import {
  postgresAnswers,
  postgresUrl,
  preparePostgres,
  spawnPostgres,
  type PostgresOptions,
} from './postgres.ts';
import { ProcessList } from './processes.ts';

/** A Postgres server that was started here. */
export interface OwnPostgres {
  /** the superuser's URL to the database `postgres` */
  url: string;
  pid: number | undefined;
  stop(): Promise<void>;
}

/** Describes Postgres as a part of a stack. */
export async function postgresPart(options: PostgresOptions, list: ProcessList): Promise<Part> {
  const program = await preparePostgres(options);
  return new Part(
    {
      name: 'postgres',
      spawn: () => spawnPostgres(program, options),
      healthy: () => postgresAnswers(options),
      signals: ['SIGINT', 'SIGQUIT'],
      graceMs: 2500,
      startMs: 60_000,
      log: options.log,
    },
    list,
  );
}

/**
 * Starts a Postgres server by itself, for tests.
 * @param options.dir an empty or earlier folder; as root its parents must be readable by others
 */
export async function startPostgres(options: {
  dir: string;
  port: number;
  settings?: Record<string, string>;
}): Promise<OwnPostgres> {
  const full = { ...options, password: randomSecret(), log: join(options.dir, 'postgres.log') };
  const part = await postgresPart(full, new ProcessList(join(options.dir, 'processes.json')));
  await part.start();
  return {
    url: postgresUrl(full, 'postgres'),
    get pid() {
      return part.pid;
    },
    stop: () => part.stop(),
  };
}
