import { Command } from 'commander';
import { checkCatalogue } from '../catalogue/index.ts';
import { createLogger, GatehouseError, type Settings } from '../config/index.ts';
import {
  acceptFile,
  finishRotation,
  lastUses,
  openSecrets,
  rotateKey,
  secretsInUse,
  type ListedSecret,
  type NextKey,
  type Secrets,
} from '../vault/index.ts';
import { hiddenInput } from './hidden.ts';
import { printJson, printTable } from './output.ts';
import { commandSettings, hasDatabase, withPool } from './settings.ts';

/** `gatehouse secret …`: the secrets of an installation. Values come from stdin, so that no process list shows them. */
export function secretCommand(): Command {
  const command = new Command('secret').description('secrets of channels and tools');
  command
    .command('set <name>')
    .description('store a secret, read from stdin; for example: gatehouse secret set slack/bot-token')
    .action(async (name: string) => {
      const value = await hiddenInput(`${name}: `);
      if (value === '') {
        throw new GatehouseError('GH-CLI-003', 'An empty secret was not stored.', {
          next: 'Give the value on stdin.',
        });
      }
      const { version } = await withSecrets((secrets) => secrets.set(name, value));
      process.stdout.write(`Stored ${name}, version ${version}. Tools use it at their next call.\n`);
    });
  command
    .command('remove <name>')
    .description('forget a secret with its earlier versions')
    .action(async (name: string) => {
      const removed = await withSecrets((secrets) => secrets.remove(name));
      if (!removed) {
        const next = 'gatehouse secret list shows the names.';
        throw new GatehouseError('GH-VAULT-008', `The secret ${name} is not set.`, { status: 409, next });
      }
      process.stdout.write(`Removed ${name}.\n`);
    });
  command
    .command('list')
    .description('names, stores, versions, ages and last uses; never values')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const settings = commandSettings({ database: false });
      const known = [...secretsInUse([...checkCatalogue(settings.policiesDir).tools.values()]).keys()];
      const listed = await withSecrets((secrets) => secrets.overview(known));
      const uses = await usesOf(settings);
      if (options.json) return printJson(listed.map((entry) => shown(entry, uses)));
      printTable(
        ['NAME', 'STORE', 'VERSION', 'AGE', 'LAST USE'],
        listed.map((entry) => rowOf(entry, uses, Date.now())),
        'No secrets yet. Store one with: gatehouse secret set NAME',
      );
    });
  command
    .command('rotate-key')
    .description('seal the store with a new master key; the gateway goes on meanwhile')
    .option('--to <file>', 'the next key file, made where it does not exist')
    .option('--to-passphrase <file>', 'a file whose first line is the next passphrase')
    .option('--finish', 'close the store to the former key, once the settings name the next one')
    .action(async (options: { to?: string; toPassphrase?: string; finish?: boolean }) => {
      const settings = commandSettings({ database: false });
      if (options.finish) {
        await finishRotation(settings);
        process.stdout.write('The former key opens nothing any more. Destroy it.\n');
        return;
      }
      const outcome = await rotateKey(settings, nextKey(options));
      process.stdout.write(
        outcome === 'done'
          ? 'The store has a new key. Back it up; the former one opens older copies of the store only.\n'
          : `The store is sealed with the new key, and the former one still leads to it.\nName the new one in ${options.to ? 'GATEHOUSE_KEY_FILE' : 'GATEHOUSE_PASSPHRASE_FILE'}, restart when it suits, then: gatehouse secret rotate-key --finish\n`,
      );
    });
  command
    .command('accept-file')
    .description('take the store file for the right one after it was put back from a backup')
    .action(async () => {
      await acceptFile(commandSettings({ database: false }));
      process.stdout.write(
        'The store is used as it is. Secrets that were changed since its backup are the old ones.\n',
      );
    });
  return command;
}

function nextKey({ to, toPassphrase }: { to?: string; toPassphrase?: string }): NextKey | undefined {
  if (to !== undefined && toPassphrase !== undefined) {
    throw new GatehouseError('GH-CLI-003', '--to and --to-passphrase are two different next keys.', {
      next: 'Give one of them.',
    });
  }
  if (to !== undefined) return { keyFile: to };
  return toPassphrase === undefined ? undefined : { passphraseFile: toPassphrase };
}

/** Opens every store of the installation, and signs out of them again. */
async function withSecrets<T>(work: (secrets: Secrets) => Promise<T>): Promise<T> {
  const settings = commandSettings({ database: false });
  const production = settings.environment === 'production';
  const secrets = await openSecrets({ ...settings, production, log: createLogger('silent') });
  try {
    return await work(secrets);
  } finally {
    await secrets.close();
  }
}

/** When each secret was last lent; nothing where no database is named or none answers. */
async function usesOf(settings: Settings): Promise<ReadonlyMap<string, Date>> {
  if (!hasDatabase()) return new Map();
  return withPool(settings, lastUses).catch(() => new Map<string, Date>());
}

function shown(
  { name, store, info, perCall, problem }: ListedSecret,
  uses: ReadonlyMap<string, Date>,
): object {
  return {
    name,
    store,
    version: info?.version ?? null,
    updatedAt: info?.updatedAt ?? null,
    lastUsedAt: uses.get(name)?.toISOString() ?? null,
    perCall,
    ...(problem === undefined ? {} : { problem: saying(problem) }),
  };
}

function rowOf(
  { name, store, info, perCall, problem }: ListedSecret,
  uses: ReadonlyMap<string, Date>,
  now: number,
): string[] {
  const used = uses.get(name);
  const lastUse = used ? `${ageOf(used.getTime(), now)} ago` : '–';
  if (info) return [name, store, String(info.version), ageOf(Date.parse(info.updatedAt), now), lastUse];
  if (perCall) return [name, store, '–', 'made for each call', lastUse];
  return [name, store, '–', problem === undefined ? 'not set' : saying(problem), lastUse];
}

const saying = (problem: unknown): string =>
  problem instanceof GatehouseError ? problem.message : 'Its store does not answer.';

/** `5 min`, `3 h`, `40 d`. */
function ageOf(from: number, now: number): string {
  const minutes = Math.max(0, Math.floor((now - from) / 60_000));
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`;
}
