import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { GatehouseError } from '../config/index.ts';
import { openKey } from './key.ts';

/** What may be shown of a secret. */
export interface SecretInfo {
  name: string;
  version: number;
  updatedAt: string;
}

/** Secrets at rest, each encrypted under its own name. */
export interface SecretStore {
  /** Stores a value as the next version of `name`. */
  set(name: string, value: string): Promise<SecretInfo>;
  /** @returns the value, or undefined for a name that was never set */
  get(name: string): Promise<string | undefined>;
  list(): Promise<SecretInfo[]>;
}

const Entry = z.strictObject({
  version: z.number().int().min(1),
  updatedAt: z.string(),
  iv: z.base64(),
  tag: z.base64(),
  data: z.base64(),
});
const StoreFile = z.strictObject({ format: z.literal(1), secrets: z.record(z.string(), Entry) });
type StoreFile = z.output<typeof StoreFile>;
type Entry = z.output<typeof Entry>;

const namePattern = /^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/;
const algorithm = 'aes-256-gcm';
const tagBytes = 16;

/**
 * The encrypted-file store: `<dataDir>/secrets.json`, AES-256-GCM, replaced atomically. The file is looked at at each use
 * and read when it is another one, so that `gatehouse secret set` reaches a running gateway; values stay encrypted.
 * @throws GatehouseError as `openKey`; later `GH-VAULT-005` for a file that was tampered with, `GH-VAULT-006` for a
 *   name that is not allowed, `GH-VAULT-007` while another process holds the file
 */
export function createSecretStore(options: { dataDir: string; keyFile?: string | undefined }): SecretStore {
  const key = openKey(options.dataDir, options.keyFile);
  const path = join(options.dataDir, 'secrets.json');
  const current = cachedRead(path);
  let writing: Promise<unknown> = Promise.resolve();

  const write = async (name: string, value: string): Promise<SecretInfo> => {
    const unlock = await lock(`${path}.lock`);
    try {
      const file = await read(path);
      const info = {
        name,
        version: (Object.hasOwn(file.secrets, name) ? (file.secrets[name]?.version ?? 0) : 0) + 1,
        updatedAt: new Date().toISOString(),
      };
      file.secrets[name] = seal(key, info, value);
      await replace(path, JSON.stringify(file, null, 2));
      return info;
    } finally {
      await unlock();
    }
  };

  return {
    set(name, value) {
      if (!namePattern.test(name) || name.length > 100) {
        const next = 'Use lower-case words and / such as slack/bot-token.';
        return Promise.reject(
          new GatehouseError('GH-VAULT-006', 'This is not a name for a secret.', { field: 'name', next }),
        );
      }
      const done = writing.then(() => write(name, value));
      writing = done.catch(() => undefined);
      return done;
    },
    async get(name) {
      const { secrets } = await current();
      const entry = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
      return entry && unseal(key, name, entry, path);
    },
    async list() {
      const { secrets } = await read(path);
      return Object.entries(secrets)
        .map(([name, { version, updatedAt }]) => ({ name, version, updatedAt }))
        .sort((a, b) => a.name.localeCompare(b.name));
    },
  };
}

/** Name, version and time are authenticated: an entry moved under another name, or relabelled, does not open. */
const associated = (info: SecretInfo): Buffer =>
  Buffer.from(JSON.stringify([info.name, info.version, info.updatedAt]));

function seal(key: Buffer, info: SecretInfo, value: string): Entry {
  const iv = randomBytes(12);
  const cipher = createCipheriv(algorithm, key, iv, { authTagLength: tagBytes }).setAAD(associated(info));
  const data = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
  return {
    version: info.version,
    updatedAt: info.updatedAt,
    iv: iv.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  };
}

function unseal(key: Buffer, name: string, entry: Entry, path: string): string {
  try {
    const decipher = createDecipheriv(algorithm, key, Buffer.from(entry.iv, 'base64'), {
      authTagLength: tagBytes,
    })
      .setAAD(associated({ name, version: entry.version, updatedAt: entry.updatedAt }))
      .setAuthTag(Buffer.from(entry.tag, 'base64'));
    return Buffer.concat([decipher.update(Buffer.from(entry.data, 'base64')), decipher.final()]).toString(
      'utf8',
    );
  } catch (cause) {
    throw damaged(path, `the secret ${name} does not open with this key`, cause);
  }
}

/**
 * Reads the file only when it is not the one that was read last. File times are coarse, so that a file written just
 * before it was read is read again.
 */
function cachedRead(path: string): () => Promise<StoreFile> {
  const coarseMs = 100;
  let last: { mark: string; file: StoreFile } | undefined;
  return async () => {
    const at = Date.now();
    const entry = await stat(path).catch(() => undefined);
    const mark = entry && [entry.ino, entry.size, entry.mtimeMs, entry.ctimeMs].join();
    if (last && last.mark === mark) return last.file;
    const file = await read(path);
    last = entry && mark && at - entry.ctimeMs > coarseMs ? { mark, file } : undefined;
    return file;
  };
}

async function read(path: string): Promise<StoreFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { format: 1, secrets: {} };
    throw error;
  }
  try {
    return StoreFile.parse(JSON.parse(text));
  } catch (cause) {
    throw damaged(path, 'it is not a secret store', cause);
  }
}

function damaged(path: string, what: string, cause: unknown): GatehouseError {
  return new GatehouseError('GH-VAULT-005', `${path} was changed from outside, or its key was: ${what}.`, {
    status: 500,
    next: 'Restore the file and its key from the backup, or set the secret again.',
    cause,
  });
}

async function replace(path: string, content: string): Promise<void> {
  const handle = await open(`${path}.new`, 'w', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.new`, path);
  const folder = await open(dirname(path));
  await folder.sync().finally(() => folder.close());
}

/** The CLI and the gateway write the same file; a lock older than ten seconds belonged to a process that died. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (let tries = 0; tries < 200; tries += 1) {
    try {
      await mkdir(path);
      return () => rm(path, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const age = await stat(path).then(
      (entry) => Date.now() - entry.mtimeMs,
      () => 0,
    );
    if (age > 10_000) await rm(path, { recursive: true, force: true });
    else await sleep(25);
  }
  throw new GatehouseError('GH-VAULT-007', 'Another process is writing the secret store.', {
    status: 503,
    retryAfter: 5,
  });
}
