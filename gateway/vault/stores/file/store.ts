import { statSync } from 'node:fs';
import { join } from 'node:path';
import { checkName, type SecretInfo } from '../store.ts';
import { contentOf, emptyContent, valueOf, versionOf, withValue, type Content } from './content.ts';
import { openCounter, rolledBack } from './counter.ts';
import { locked, replaceFile, textOf } from './disk.ts';
import { parseFile, writtenOf } from './format.ts';
import { openKeyring, type Keyring, type KeySource } from './master-key.ts';

/** Secrets at rest, each encrypted under its own name. */
export interface SecretStore {
  /** Stores a value as the next version of `name`. */
  set(name: string, value: string): Promise<SecretInfo>;
  /**
   * @param version an earlier one; the last few are kept
   * @returns the value, or undefined for a name that was never set or a version that is not kept
   */
  get(name: string, version?: number): Promise<string | undefined>;
  list(): Promise<SecretInfo[]>;
  /** Forgets a secret and its earlier versions. @returns false for one that was never set */
  remove(name: string): Promise<boolean>;
}

/** The store's file, as whoever changes it sees it. */
export interface StoreFile {
  path: string;
  keys: Keyring;
  /** The content as it is now. @throws GatehouseError `GH-VAULT-005`, `GH-VAULT-010` */
  load(): Promise<Content>;
  /** The content whatever the counter says, and what the counter says. @throws GatehouseError `GH-VAULT-005` */
  loadUncounted(): Promise<{ content: Content; counted: number }>;
  /**
   * Changes the content while nobody else does.
   * @param change changes what it is given, or returns what stands in its place
   * @param read how the content is read; `load` when left out
   * @throws GatehouseError as `load`, and `GH-VAULT-007`
   */
  change<T>(
    change: (content: Content) => { content: Content; result: T },
    read?: () => Promise<Content>,
  ): Promise<T>;
}

/** Where the store of an installation lies. */
export const storePath = ({ dataDir }: KeySource): string => join(dataDir, 'secrets.json');

/** @throws GatehouseError as `openKeyring` */
export function openStoreFile(source: KeySource): StoreFile {
  const path = storePath(source);
  const keys = openKeyring(source);
  const counter = openCounter(join(source.dataDir, 'secrets.generation'));
  const loadUncounted = async (): Promise<{ content: Content; counted: number }> => {
    // The counter first: a write between the two leaves the file ahead of it, never behind.
    const counted = await counter.read();
    const text = await textOf(path);
    const content = text === null ? emptyContent(keys.fresh()) : contentOf(path, parseFile(path, text), keys);
    return { content, counted };
  };
  const load = async (): Promise<Content> => {
    const { content, counted } = await loadUncounted();
    const { generation } = content.file;
    // The first write counts before there is a file, which a crash may leave so.
    if (generation < counted ? generation > 0 || counted > 1 : generation > 0 && counted === 0)
      throw rolledBack(`${path} is generation ${generation}, and ${counted} was written last`);
    return content;
  };
  let writing: Promise<unknown> = Promise.resolve();
  return {
    path,
    keys,
    load,
    loadUncounted,
    change(change, read = load) {
      const work = writing.then(() =>
        locked(`${path}.lock`, async (lock) => {
          const { content, result } = change(await read());
          const file = { ...content.file, generation: content.file.generation + 1 };
          await lock.stillOurs();
          // A file without its counter looks like one that was put back, so the first counter is there before it.
          if (file.generation === 1) await counter.write(1);
          await replaceFile(path, JSON.stringify(writtenOf(content.master, file), null, 2));
          if (file.generation > 1) await counter.write(file.generation);
          return result;
        }),
      );
      writing = work.catch(() => undefined);
      return work;
    },
  };
}

/**
 * The encrypted-file store: `<dataDir>/secrets.json`, replaced atomically. The file is looked at at each use
 * and read when it is another one, so that `gatehouse secret set` reaches a running gateway; values stay encrypted.
 * @throws GatehouseError as `openKeyring`; later `GH-VAULT-005` for a file that was tampered with, `GH-VAULT-006` for a
 *   name that is not allowed, `GH-VAULT-007` while another process holds the file, `GH-VAULT-010` for one that was put back
 */
export function createSecretStore(source: KeySource): SecretStore {
  const file = openStoreFile(source);
  const current = cached(file);
  return {
    async set(name, value) {
      checkName(name);
      const updatedAt = new Date().toISOString();
      return file.change((content) => {
        const version = withValue(content, name, Buffer.from(value, 'utf8'), updatedAt);
        return { content, result: { name, version, updatedAt } };
      });
    },
    async get(name, version) {
      const content = await current();
      const entry = versionOf(content.file, name, version);
      return entry && valueOf(file.path, content.master, name, entry);
    },
    async list() {
      const { secrets } = (await current()).file;
      return Object.entries(secrets)
        .flatMap(([name, [newest]]) =>
          newest ? [{ name, version: newest.version, updatedAt: newest.updatedAt }] : [],
        )
        .sort((a, b) => a.name.localeCompare(b.name));
    },
    remove: (name) =>
      file.change((content) => {
        const { [name]: found, ...others } = content.file.secrets;
        return {
          content: { ...content, file: { ...content.file, secrets: others } },
          result: found !== undefined,
        };
      }),
  };
}

/**
 * Reads the file only when it is not the one that was read last. File times are coarse, so that a file written just
 * before it was read is read again.
 */
function cached({ path, load }: Pick<StoreFile, 'path' | 'load'>): () => Promise<Content> {
  const coarseMs = 100;
  let last: { mark: string; content: Content } | undefined;
  return async () => {
    const at = Date.now();
    // Through the thread pool it would wait behind whatever else is there, and costs ten times as much.
    const entry = statSync(path, { throwIfNoEntry: false });
    const mark = entry && [entry.ino, entry.size, entry.mtimeMs, entry.ctimeMs].join();
    if (last && last.mark === mark) return last.content;
    const content = await load();
    last = entry && mark && at - entry.ctimeMs > coarseMs ? { mark, content } : undefined;
    return content;
  };
}
