import { Command } from 'commander';
import { modelKeys } from '../agent/index.ts';
import { checkCatalogue } from '../catalogue/index.ts';
import { createLogger, GatehouseError, type Settings } from '../config/index.ts';
import {
  acceptFile,
  createBox,
  createRotations,
  finishRotation,
  lastUses,
  openSecrets,
  rotateKey,
  rotationRows,
  rotationState,
  secretsInUse,
  type ListedSecret,
  type NextKey,
  type RotationRow,
  type RotationState,
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
    .command('rotate <name>')
    .description('replace a secret now, as its entry in secrets.yaml says')
    .option('--json', 'print as JSON')
    .action(async (name: string, options: { json?: boolean }) => {
      const settings = commandSettings({ database: true });
      const { version, overlapMs } = await withPool(settings, (pool) =>
        withSecrets((secrets) => {
          const log = createLogger('silent');
          return createRotations({ pool, secrets, box: createBox(settings), log }).rotate(name);
        }),
      );
      if (options.json) return printJson({ name, version, overlapSeconds: overlapMs / 1000 });
      const former =
        overlapMs === 0
          ? 'The former value is good no more.'
          : `The former value stays good for ${spanOf(overlapMs)}, and until the last call that has it ends.`;
      process.stdout.write(`Rotated ${name}, version ${version}. ${former}\n`);
    });
  command
    .command('list')
    .description('names, stores, versions, ages, last uses and next rotations; never values')
    .option('--json', 'print as JSON')
    .action(async (options: { json?: boolean }) => {
      const settings = commandSettings({ database: false });
      const tools = [...checkCatalogue(settings.policiesDir).tools.values()];
      const known = [...secretsInUse([...tools, ...(await modelKeys(settings))]).keys()];
      const listed = await withSecrets((secrets) => secrets.overview(known));
      const recorded = await recordedOf(settings);
      if (options.json) return printJson(listed.map((entry) => shown(entry, recorded)));
      printTable(
        ['NAME', 'STORE', 'VERSION', 'AGE', 'LAST USE', 'NEXT ROTATION'],
        listed.map((entry) => rowOf(entry, recorded, Date.now())),
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

/** What the database knows of secrets. */
interface Recorded {
  /** When each was last lent. */
  uses: ReadonlyMap<string, Date>;
  rotations: ReadonlyMap<string, RotationRow>;
}

/** Nothing where no database is named or none answers. */
async function recordedOf(settings: Settings): Promise<Recorded> {
  const nothing: Recorded = { uses: new Map(), rotations: new Map() };
  if (!hasDatabase()) return nothing;
  return withPool(settings, async (pool) => ({
    uses: await lastUses(pool),
    rotations: await rotationRows(pool),
  })).catch(() => nothing);
}

const rotationOf = ({ name, rotate, info }: ListedSecret, { rotations }: Recorded): RotationState | null =>
  rotate === undefined ? null : rotationState(rotate, rotations.get(name), info?.updatedAt);

function shown(entry: ListedSecret, recorded: Recorded): object {
  const { name, store, info, perCall, problem } = entry;
  return {
    name,
    store,
    version: info?.version ?? null,
    updatedAt: info?.updatedAt ?? null,
    lastUsedAt: recorded.uses.get(name)?.toISOString() ?? null,
    perCall,
    rotation: rotationOf(entry, recorded),
    ...(problem === undefined ? {} : { problem: saying(problem) }),
  };
}

function rowOf(entry: ListedSecret, recorded: Recorded, now: number): string[] {
  const { name, store, info, perCall, problem } = entry;
  const used = recorded.uses.get(name);
  const lastUse = used ? `${ageOf(used.getTime(), now)} ago` : '–';
  const last = [lastUse, nextOf(rotationOf(entry, recorded), now)];
  if (info) return [name, store, String(info.version), ageOf(Date.parse(info.updatedAt), now), ...last];
  if (perCall) return [name, store, '–', 'made for each call', ...last];
  return [name, store, '–', problem === undefined ? 'not set' : saying(problem), ...last];
}

/** `in 12 d`, `now`, `overlap, in 30 d`, `failed since 3 h (GH-VAULT-026)`. */
function nextOf(rotation: RotationState | null, now: number): string {
  if (rotation === null) return '–';
  const { state, next, failedSince, failure } = rotation;
  if (failedSince) return `failed since ${ageOf(failedSince.getTime(), now)} (${failure})`;
  if (next === null) return '–';
  const left = next.getTime() - now;
  const when = left <= 0 ? 'now' : `in ${spanOf(left)}`;
  return state === 'ok' ? when : `${state}, ${when}`;
}

const saying = (problem: unknown): string =>
  problem instanceof GatehouseError ? problem.message : 'Its store does not answer.';

const ageOf = (from: number, now: number): string => spanOf(now - from);

/** `5 min`, `3 h`, `40 d`. */
function spanOf(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} d`;
}
