import { rename, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { Command } from 'commander';
import { createContinuity, headsFileOf, readHeads } from '../../audit/index.ts';
import { GatehouseError, type Settings } from '../../config/index.ts';
import {
  dumpTables,
  loadTable,
  migrationsOf,
  remakeSchema,
  tablesToLoad,
  transaction,
  type Pool,
} from '../../db/index.ts';
import { openEpoch } from '../../policy/index.ts';
import { commandSettings, withPool } from '../settings.ts';
import { readBackup, writeBackup } from './file.ts';
import { refuseWhileServed, told, voidOpen } from './void.ts';

const by = (): string => `cli:${userInfo().username}`;

/** `gatehouse backup FILE`: the database as it is at one instant, and the heads of its receipts. */
export function backupCommand(): Command {
  return new Command('backup')
    .description('write the gateway’s database and the heads of its receipts into one file, while it runs')
    .argument('<file>', 'the file to write; it must not exist. It holds message text and is not encrypted')
    .action(async (path: string) => {
      const settings = commandSettings({ database: true });
      const { rows } = await withPool(settings, (pool) => backup(pool, settings, path));
      process.stdout.write(
        `Wrote ${rows} rows to ${path}. Keep secrets.json and its key apart; see docs/restore.md.\n`,
      );
    });
}

async function backup(pool: Pool, { dataDir }: Settings, path: string): Promise<{ rows: number }> {
  // Before the instant: a head that is older than the rows agrees with them.
  const heads = (await readHeads(headsFileOf(dataDir))).slice(-1000);
  return transaction(pool, async (tx) => {
    await tx.query('set transaction isolation level repeatable read, read only');
    const file = await writeBackup(path, {
      gatehouse: 'backup',
      version: 1,
      takenAt: new Date().toISOString(),
      epoch: openEpoch(dataDir).current(),
      migrations: await migrationsOf(tx),
      heads: heads.map((head) => ({ ...head })),
    });
    await dumpTables(tx, (table, row) => file.row(table, row));
    return file.close();
  });
}

/** `gatehouse restore FILE`: puts a backup back. What was open in it is void. */
export function restoreCommand(): Command {
  return new Command('restore')
    .description(
      'replace the gateway’s database by a backup; what was open in it is void, stop the gateway first',
    )
    .argument('<file>', 'what gatehouse backup wrote')
    .requiredOption('--reason <text>', 'why; it goes into the receipt')
    .action(async (path: string, { reason }: { reason: string }) => {
      const settings = commandSettings({ database: true });
      process.stdout.write(await withPool(settings, (pool) => restore(pool, settings, path, reason)));
    });
}

async function restore(pool: Pool, { dataDir }: Settings, path: string, reason: string): Promise<string> {
  const { header, tables } = await readBackup(path);
  await refuseWhileServed(pool);
  // First, and outside Postgres: whatever ends this half-way, nothing of the past is valid any more.
  const epoch = openEpoch(dataDir).bump();
  const voided = await transaction(pool, async (tx) => {
    const unknown = await remakeSchema(tx, header.migrations);
    if (unknown.length > 0)
      throw new GatehouseError('GH-CLI-413', `The backup is of a newer Gatehouse (${unknown.join(', ')}).`, {
        status: 409,
        next: 'Install that version first; the database was not changed.',
      });
    const names = await tablesToLoad(tx);
    // Some migrations put rows of their own into their tables.
    await tx.query(`truncate ${names.map((name) => `"${name}"`).join(', ')} restart identity`);
    for (const name of names) await loadTable(tx, name, tables.get(name) ?? []);
    return voidOpen(tx, 'restore', { epoch, reason, by: by(), lost: 0 });
  });
  await replaceHeads(headsFileOf(dataDir), header.heads, epoch);
  await createContinuity(dataDir).accept(pool, epoch);
  return `Restored as it was at ${header.takenAt}; epoch ${epoch}.\n${told(voided)}Start the gateway again.\n`;
}

/** Until it is done the heads are ahead of the database, and no gateway starts on it. */
async function replaceHeads(file: string, heads: readonly object[], epoch: number): Promise<void> {
  await rename(file, `${file}.before-epoch-${epoch}`).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await writeFile(file, heads.map((head) => `${JSON.stringify(head)}\n`).join(''), {
    mode: 0o600,
    flush: true,
  });
}

/** `gatehouse epoch show|bump`: for a database that was promoted, or put back by other means than `gatehouse restore`. */
export function epochCommand(): Command {
  const command = new Command('epoch').description(
    'the counter that voids what a database of the past still holds',
  );
  command
    .command('show')
    .description('the current epoch')
    .action(() => {
      process.stdout.write(`${openEpoch(commandSettings({ database: false }).dataDir).current()}\n`);
    });
  command
    .command('bump')
    .description('take this database for the right one and void what is open in it; stop the gateway first')
    .requiredOption('--reason <text>', 'why; it goes into the receipt')
    .action(async ({ reason }: { reason: string }) => {
      const settings = commandSettings({ database: true });
      process.stdout.write(await withPool(settings, (pool) => bump(pool, settings, reason)));
    });
  return command;
}

async function bump(pool: Pool, { dataDir }: Settings, reason: string): Promise<string> {
  await refuseWhileServed(pool);
  const epoch = openEpoch(dataDir).bump();
  const { lost } = await createContinuity(dataDir).accept(pool, epoch);
  const voided = await transaction(pool, (tx) => voidOpen(tx, 'epoch', { epoch, reason, by: by(), lost }));
  const missing = lost > 0 ? `Sealed receipts that this database does not have: ${lost}.\n` : '';
  return `Epoch ${epoch}.\n${missing}${told(voided)}Start the gateway again.\n`;
}
