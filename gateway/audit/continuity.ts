import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { GatehouseError } from '../config/index.ts';
import type { Queryable } from '../db/index.ts';
import type { Head } from './chain.ts';
import { parseHead, readHeads } from './heads.ts';
import { lastSealed } from './witness.ts';

/**
 * Which server a database is on: the number that `initdb` gave its cluster, and its timeline, which every promotion and
 * every recovery to a point in time counts up.
 */
const Server = z.strictObject({ system: z.string(), timeline: z.string() });
type Server = z.output<typeof Server>;

/** What is known outside Postgres of the database that belongs here. */
export interface Continuity {
  /**
   * Refuses a database that is not the one of before, or an earlier state of it. The first one that is seen is taken for
   * it. It is asked for each new connection: whoever takes over for a server ends all connections to it.
   * @throws GatehouseError `GH-AUDIT-007` for another server, `GH-AUDIT-008` for one that only follows another, and
   *   `GH-AUDIT-009` for a past or another chain of receipts
   */
  check(db: Queryable): Promise<void>;
  /**
   * Takes this database for the one that belongs here. Heads that it does not agree with are moved aside.
   * @param epoch names the file that they are moved to
   * @returns how many sealed receipts of the former database this one does not have
   */
  accept(db: Queryable, epoch: number): Promise<{ lost: number }>;
}

/** The file of heads in a data folder. */
export const headsFileOf = (dataDir: string): string => join(dataDir, 'receipt-heads.jsonl');

/** @param dataDir folder outside the database */
export function createContinuity(dataDir: string): Continuity {
  const file = join(dataDir, 'database.json');
  const headsFile = headsFileOf(dataDir);
  return {
    async check(db) {
      const now = await serverOf(db);
      const known = await readServer(file);
      if (now && known && (now.system !== known.system || now.timeline !== known.timeline)) {
        const what =
          now.system === known.system
            ? 'A replica was promoted, or the past recovered'
            : 'It is another server';
        throw refusal('GH-AUDIT-007', `This Postgres is not the one of before. ${what}.`);
      }
      await checkHead(db, await lastHead(headsFile));
      if (now && !known) await writeServer(file, now);
    },
    async accept(db, epoch) {
      const now = await serverOf(db);
      if (now) await writeServer(file, now);
      return { lost: await dropHeads(db, headsFile, epoch) };
    },
  };
}

async function serverOf(db: Queryable): Promise<Server | null> {
  try {
    const { rows } = await db.query<Server & { follows: boolean }>(
      `select pg_is_in_recovery() as follows, system_identifier::text as system,
         case when pg_is_in_recovery() then '' else left(pg_walfile_name(pg_current_wal_lsn()), 8) end as timeline
       from pg_control_system()`,
    );
    const [row] = rows;
    if (row?.follows) throw refusal('GH-AUDIT-008', 'This Postgres follows another one and takes no writes.');
    return row ? { system: row.system, timeline: row.timeline } : null;
  } catch (error) {
    // Where a provider does not let its customers ask, the heads alone tell.
    if ((error as { code?: unknown }).code === '42501') return null;
    throw error;
  }
}

async function checkHead(db: Queryable, head: Head | undefined): Promise<void> {
  if (!head) return;
  const { rows } = await db.query<{ known: boolean }>(
    `select to_regclass('sealed_receipts') is not null as known`,
  );
  const found = rows[0]?.known
    ? await db.query<{ hash: string }>('select hash from sealed_receipts where position = $1', [
        head.position,
      ])
    : { rows: [] };
  if (found.rows[0]?.hash === head.hash) return;
  throw refusal(
    'GH-AUDIT-009',
    `This database has no receipt ${head.position} as it was sealed here: it is of the past, or another one.`,
  );
}

const refusal = (code: string, text: string): GatehouseError =>
  new GatehouseError(code, `${text} Nothing runs on it, because what it holds may have been used since.`, {
    status: 503,
    next: 'Connect the right one; or, where this is meant, stop the gateway and run: npx gatehouse epoch bump --reason "…"',
  });

/** @throws GatehouseError `GH-AUDIT-003` for a file of something else */
async function readServer(file: string): Promise<Server | null> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  try {
    return Server.parse(JSON.parse(text));
  } catch {
    throw new GatehouseError('GH-AUDIT-003', `${file} is damaged.`, {
      status: 500,
      next: 'Look whether the database is the right one; then: npx gatehouse epoch bump --reason "…"',
    });
  }
}

async function writeServer(file: string, server: Server): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await replace(file, `${JSON.stringify(server)}\n`);
}

/** Readers find the old text or the new one. */
async function replace(file: string, text: string): Promise<void> {
  const fresh = `${file}.${process.pid}.new`;
  await writeFile(fresh, text, { mode: 0o600, flush: true });
  await rename(fresh, file);
}

const longestLine = 400;

/** The last whole line, without reading a file that grows by the second. */
async function lastHead(file: string): Promise<Head | undefined> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (!handle) return undefined;
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, 2 * longestLine);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const lines = buffer.subarray(0, bytesRead).toString('utf8').split('\n').slice(0, -1);
    const last = lines.at(-1);
    if (last === undefined) return undefined;
    // A damaged one is named by the start, which reads them all.
    return parseHead(last);
  } finally {
    await handle.close();
  }
}

/** Keeps the heads that the database agrees with. @returns how many sealed receipts it lacks */
async function dropHeads(db: Queryable, file: string, epoch: number): Promise<number> {
  const heads = await readHeads(file);
  const { rows } = await db.query<{ position: number; hash: string }>(
    'select position, hash from sealed_receipts where position = any($1::bigint[])',
    [heads.map(({ position }) => position)],
  );
  const stored = new Map(rows.map(({ position, hash }) => [position, hash]));
  const end = await lastSealed(db);
  // What follows is sealed behind the last receipt that is there.
  await db.query('delete from receipt_seals where position > $1', [end.position]);
  const wrong = heads.findIndex(({ position, hash }) => stored.get(position) !== hash);
  if (wrong < 0) return 0;
  const kept = heads.slice(0, wrong);
  await rename(file, `${file}.before-epoch-${epoch}`);
  await replace(file, kept.map((head) => `${JSON.stringify(head)}\n`).join(''));
  return Math.max(0, (heads.at(-1)?.position ?? 0) - end.position);
}
