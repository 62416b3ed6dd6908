import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { GatehouseError } from '../../../config/index.ts';
import { rewrapped, type Content } from './content.ts';
import { locked, syncFolder } from './disk.ts';
import { ownKeyFile, writeNewKey } from './key-file.ts';
import {
  fromKeyFile,
  fromPassphrase,
  handOver,
  newScrypt,
  openKeyring,
  type KeySource,
  type MasterKey,
} from './master-key.ts';
import { openStoreFile, type StoreFile } from './store.ts';

/** What the next master key comes from, where it is not the installation's own key file. */
export type NextKey = { keyFile: string } | { passphraseFile: string };

/** `done`: only the new key opens the store. `handed over`: so does the former, until the settings name the new one. */
export type Rotation = 'done' | 'handed over';

/**
 * Seals every data key with a new master key. Processes that hold the former one go on: the file hands the new one over to
 * them. Wherever it is interrupted, the store opens, and running it again brings it to its end.
 * @param to the next key, made where its file does not exist; needed where the settings name a key or a passphrase
 * @throws GatehouseError `GH-VAULT-020` while an earlier rotation waits for its end, or without `to` where it is needed
 */
export async function rotateKey(source: KeySource, to?: NextKey): Promise<Rotation> {
  const file = openStoreFile(source);
  return locked(`${file.path}.rotation`, async () => {
    if (to) {
      await file.change((content) => ({ content: handedTo(content, file, nextKey(to)), result: undefined }));
      return 'handed over';
    }
    if (source.keyFile !== undefined || source.passphraseFile !== undefined) throw needsTarget();
    await rotateOwn(source.dataDir, file);
    return 'done';
  });
}

/** Whether the former key still leads to the store. @throws GatehouseError as `openStoreFile` and its `load` */
export async function rotationWaits(source: KeySource): Promise<boolean> {
  return (await openStoreFile(source).load()).file.handover !== null;
}

/**
 * Ends a rotation: from here on the former key opens nothing.
 * @param source names the new key
 * @throws GatehouseError `GH-VAULT-020` where no rotation waits, or the settings still name the former key
 */
export async function finishRotation(source: KeySource): Promise<void> {
  await openStoreFile(source).change((content) => {
    const { handover, master } = content.file;
    if (!handover) throw refused('No rotation of the key waits for its end.');
    if (!openKeyring(source).holds(master)) {
      throw refused(
        'The settings still name the former key.',
        'Set GATEHOUSE_KEY_FILE or GATEHOUSE_PASSPHRASE_FILE to the new one first.',
      );
    }
    return { content: closed(content), result: undefined };
  });
}

/**
 * Takes the store for the right one that its counter says is not: it was put back on purpose, after a restore.
 * @throws GatehouseError `GH-VAULT-005` for a store that is not whole
 */
export async function acceptFile(source: KeySource): Promise<void> {
  const file = openStoreFile(source);
  await file.change(
    (content) => ({ content, result: undefined }),
    async () => {
      const { content, counted } = await file.loadUncounted();
      // Ahead of all that was ever written, so that nothing of before passes for its future.
      const generation = Math.max(content.file.generation, counted);
      return { ...content, file: { ...content.file, generation } };
    },
  );
}

/** The installation's own key file: the next key lies beside it until the store is sealed with it. */
async function rotateOwn(dataDir: string, file: StoreFile): Promise<void> {
  const path = ownKeyFile(dataDir);
  const waiting = `${path}.next`;
  const { handover } = (await file.load()).file;
  if (!handover) {
    // One that is left there seals nothing yet, and may be half written.
    await rm(waiting, { force: true });
    writeNewKey(waiting);
    const next = fromKeyFile({ dataDir, keyFile: waiting });
    await file.change((content) => ({ content: handedTo(content, file, next), result: undefined }));
  }
  if (existsSync(waiting)) {
    await rename(waiting, path);
    await syncFolder(path);
  }
  await finishRotation({ dataDir });
}

function handedTo(content: Content, file: StoreFile, next: MasterKey): Content {
  const { master: before, handover } = content.file;
  if (handover) {
    throw refused(
      'An earlier rotation of the key waits for its end.',
      'Let the settings name its key, and run gatehouse secret rotate-key --finish.',
    );
  }
  if (before.id === next.ref.id) throw refused('The next key is the one in use.', 'Make another one.');
  const key = file.keys.of(file.path, content.file);
  const wrapped = rewrapped(content, next);
  return { ...wrapped, file: { ...wrapped.file, handover: handOver({ ref: before, key }, next) } };
}

const closed = (content: Content): Content => ({ ...content, file: { ...content.file, handover: null } });

function nextKey(to: NextKey): MasterKey {
  if ('passphraseFile' in to) return fromPassphrase(to.passphraseFile, newScrypt());
  if (!existsSync(to.keyFile)) writeNewKey(to.keyFile);
  return fromKeyFile({ dataDir: '', keyFile: to.keyFile });
}

const needsTarget = (): GatehouseError =>
  refused(
    'The settings name the key, so the next one cannot be put in its place.',
    'Say where it is: --to FILE (made where it does not exist) or --to-passphrase FILE.',
  );

const refused = (message: string, next?: string): GatehouseError =>
  new GatehouseError('GH-VAULT-020', message, { status: 409, next });
