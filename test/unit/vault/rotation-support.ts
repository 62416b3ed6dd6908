import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { createLogger } from '../../../gateway/config/index.ts';
import {
  createBox,
  createRotations,
  openSecrets,
  type RotationFailure,
  type Rotations,
  type Secrets,
} from '../../../gateway/vault/index.ts';
import type { TestDatabase } from '../../support/postgres.ts';

/** A gateway's secrets with how they are rotated. */
export interface Rotating {
  dataDir: string;
  secrets: Secrets;
  rotations: Rotations;
  /** What its owner was told. */
  alarms: RotationFailure[];
  /** All that was logged. */
  logged: () => string;
  close: () => Promise<void>;
}

/** @param entries of `secrets` in secrets.yaml @param dataDir of another gateway of the same installation */
export async function rotating(
  db: TestDatabase,
  entries: readonly string[],
  options: { dataDir?: string; stores?: string } = {},
): Promise<Rotating> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'gatehouse-rotation-')));
  const list = entries.map((entry) => `  - ${entry}\n`).join('');
  await writeFile(join(dataDir, 'secrets.yaml'), `${options.stores ?? ''}secrets:\n${list}`);
  const silent = createLogger('silent');
  const secrets = await openSecrets({ dataDir, policiesDir: dataDir, production: false, log: silent });
  const lines: string[] = [];
  const note = (...parts: unknown[]): void => void lines.push(JSON.stringify(parts, errors));
  const log = { info: note, warn: note, error: note };
  const alarms: RotationFailure[] = [];
  return {
    dataDir,
    secrets,
    alarms,
    logged: () => lines.join('\n'),
    rotations: createRotations({
      pool: db.pool,
      secrets,
      box: createBox({ dataDir }),
      log: log as never,
      alarm: async (failure) => void alarms.push(failure),
    }),
    async close() {
      await secrets.close();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** An error as a logger writes it, its causes too. */
function errors(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return { ...value, message: value.message, stack: value.stack, cause: value.cause };
}

/** Whether a URL lets somebody in. @returns the role, or the code of the refusal */
export async function signIn(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    const { rows } = await client.query<{ role: string }>('select current_user as role');
    return rows[0]?.role ?? '';
  } catch (error) {
    return (error as { code?: string }).code ?? 'gone';
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Lets the overlap's time be over. */
export async function timePasses(db: TestDatabase, secret: string): Promise<void> {
  await db.pool.query(
    `update secret_rotations set overlap_until = clock_timestamp() - interval '1 second', next_try = null where secret = $1`,
    [secret],
  );
}
