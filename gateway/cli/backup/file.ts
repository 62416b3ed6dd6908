import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { GatehouseError } from '../../config/index.ts';

/** What the first line says. */
const Header = z.strictObject({
  gatehouse: z.literal('backup'),
  version: z.literal(1),
  takenAt: z.iso.datetime(),
  epoch: z.number().int(),
  migrations: z.array(z.string()),
  /** The chain's heads at that moment. */
  heads: z.array(z.looseObject({ position: z.number().int() })),
});
export type Header = z.output<typeof Header>;

/** A backup as it was written, whole. */
export interface Backup {
  header: Header;
  /** The rows of each table, as JSON that only Postgres reads. */
  tables: Map<string, string[]>;
}

/** A backup that is being written: lines of text, packed, the last of which is the digest of all before it. */
export interface BackupWriter {
  row(table: string, row: string): Promise<void>;
  close(): Promise<{ rows: number }>;
}

/** @throws GatehouseError `GH-CLI-410` for a file that is there already, or a folder that cannot be written */
export async function writeBackup(path: string, header: Header): Promise<BackupWriter> {
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  try {
    await once(file, 'open');
  } catch (cause) {
    const text = (cause as NodeJS.ErrnoException).code === 'EEXIST' ? 'exists already' : 'cannot be written';
    throw new GatehouseError('GH-CLI-410', `${path} ${text}.`, {
      status: 409,
      next: 'Name another file.',
      cause,
    });
  }
  const pack = createGzip();
  pack.pipe(file);
  const hash = createHash('sha256');
  let rows = 0;
  const write = async (line: string): Promise<void> => {
    hash.update(`${line}\n`);
    if (!pack.write(`${line}\n`)) await once(pack, 'drain');
  };
  await write(JSON.stringify(header));
  return {
    async row(table, row) {
      rows += 1;
      await write(`${table}\t${row}`);
    },
    async close() {
      await write(JSON.stringify({ rows }));
      pack.end(`${hash.digest('hex')}\n`);
      await finished(file);
      return { rows };
    },
  };
}

/** Reads a backup to its end. @throws GatehouseError `GH-CLI-411` for one that is cut, changed or of something else */
export async function readBackup(path: string): Promise<Backup> {
  const hash = createHash('sha256');
  const tables = new Map<string, string[]>();
  const source = createReadStream(path);
  const unpacked = source.pipe(createGunzip());
  source.on('error', (error) => unpacked.destroy(error));
  let before: string | undefined;
  let header: Header | undefined;
  const take = (line: string): void => {
    hash.update(`${line}\n`);
    if (!header) {
      header = Header.parse(JSON.parse(line));
      return;
    }
    const [table = '', row] = line.split(/\t(.*)/s);
    if (row === undefined) return;
    const rows = tables.get(table);
    if (rows) rows.push(row);
    else tables.set(table, [row]);
  };
  try {
    for await (const line of createInterface({ input: unpacked, crlfDelay: Infinity })) {
      if (before !== undefined) take(before);
      before = line;
    }
  } catch (cause) {
    throw unusable(path, cause);
  }
  if (!header || before !== hash.digest('hex')) throw unusable(path);
  return { header, tables };
}

const unusable = (path: string, cause?: unknown): GatehouseError =>
  new GatehouseError('GH-CLI-411', `${path} is not a whole backup of Gatehouse.`, {
    status: 400,
    next: 'Name a file that gatehouse backup wrote, as it wrote it. Nothing was changed.',
    cause,
  });
