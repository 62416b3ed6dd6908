import { createSecretKey, randomBytes, scryptSync, type KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { GatehouseError } from '../../../config/index.ts';
import { derived, keyBytes, open, seal, type Sealed } from './cipher.ts';
import { damaged, type MasterRef, type Scrypt, type SecretsFile } from './format.ts';
import { ownKeyFile, readKeyFile } from './key-file.ts';

/** Where the master key comes from: a passphrase where one is named, else a key file. */
export interface KeySource {
  dataDir: string;
  /** Made as `<dataDir>/secrets.key` at the first start when left out. */
  keyFile?: string | undefined;
  /** File whose first line is the passphrase. */
  passphraseFile?: string | undefined;
}

/** The key that seals data keys, and how it is told apart. */
export interface MasterKey {
  ref: MasterRef;
  key: KeyObject;
}

/** The master key as this process can get at it. */
export interface Keyring {
  /** The key for a store that is about to be made. @throws GatehouseError `GH-VAULT-001` to `-004` */
  fresh(): MasterKey;
  /**
   * The key that a store is sealed with: the one at hand, or the newer one that it hands over.
   * @throws GatehouseError `GH-VAULT-005` where this process has neither
   */
  of(path: string, file: Pick<SecretsFile, 'master' | 'handover'>): KeyObject;
  /** Whether this very key is at hand, without being handed over. */
  holds(ref: MasterRef): boolean;
}

/**
 * Opens the key once, so that what is wrong with it shows at the start.
 * @throws GatehouseError `GH-VAULT-001` to `-004`
 */
export function openKeyring(source: KeySource): Keyring {
  let known: MasterKey[] = [];
  if (source.passphraseFile === undefined) known.push(fromKeyFile(source));
  else readPassphrase(source.passphraseFile).fill(0);

  /** The key that `ref` means, where this process has it. */
  const find = (ref: MasterRef): MasterKey | undefined => known.find(({ ref: { id } }) => id === ref.id);
  const load = (ref: MasterRef): MasterKey | undefined => {
    const made = ref.kdf === null ? keyFileOf(source) : passphraseOf(source, ref.kdf);
    if (made?.ref.id !== ref.id) return undefined;
    known = [...known, made];
    return made;
  };
  const get = (ref: MasterRef): MasterKey | undefined => find(ref) ?? load(ref);

  return {
    holds: (ref) => get(ref) !== undefined,
    fresh: () =>
      source.passphraseFile === undefined
        ? fromKeyFile(source)
        : fromPassphrase(source.passphraseFile, newScrypt()),
    of(path, { master, handover }) {
      const own = get(master);
      if (own) return own.key;
      const before = handover && get(handover.from);
      if (!before) throw damaged(path, 'it is sealed with another key');
      const key = handedOver(path, before.key, { master, handover });
      known = [...known, { ref: master, key }];
      return key;
    },
  };
}

const handoverOf = (from: MasterRef, to: MasterRef): string[] => ['handover', from.id, to.id];

/** Seals the new master key for whoever holds the one before. */
export function handOver(before: MasterKey, next: MasterKey): NonNullable<SecretsFile['handover']> {
  const plain = next.key.export();
  const key = seal(before.key, handoverOf(before.ref, next.ref), plain);
  plain.fill(0);
  return { from: before.ref, key };
}

function handedOver(
  path: string,
  before: KeyObject,
  { master, handover }: { master: MasterRef; handover: { from: MasterRef; key: Sealed } },
): KeyObject {
  try {
    return secretKey(open(before, handoverOf(handover.from, master), handover.key));
  } catch (cause) {
    throw damaged(path, 'its new key does not open with the one before', cause);
  }
}

/** A master key from a key file. @throws GatehouseError `GH-VAULT-001` to `-004` */
export function fromKeyFile(source: Pick<KeySource, 'dataDir' | 'keyFile'>): MasterKey {
  return masterOf(readKeyFile(source.dataDir, source.keyFile), null);
}

function keyFileOf(source: KeySource): MasterKey | undefined {
  return existsSync(source.keyFile ?? ownKeyFile(source.dataDir)) ? fromKeyFile(source) : undefined;
}

/**
 * A master key from a passphrase, stretched with scrypt (RFC 7914).
 * @throws GatehouseError `GH-VAULT-001`, `GH-VAULT-002`
 */
export function fromPassphrase(file: string, kdf: Scrypt): MasterKey {
  const { N, r, p } = kdf;
  const passphrase = readPassphrase(file);
  const salt = Buffer.from(kdf.salt, 'base64');
  const bytes = scryptSync(passphrase, salt, keyBytes, { N, r, p, maxmem: 130 * N * r + 1024 });
  passphrase.fill(0);
  return masterOf(bytes, kdf);
}

function passphraseOf({ passphraseFile }: KeySource, kdf: Scrypt): MasterKey | undefined {
  return passphraseFile === undefined ? undefined : fromPassphrase(passphraseFile, kdf);
}

/** 128 MiB and about half a second for each guess (OWASP's first choice of parameters for scrypt). */
export const newScrypt = (): Scrypt => ({
  name: 'scrypt',
  N: 2 ** 17,
  r: 8,
  p: 1,
  salt: randomBytes(16).toString('base64'),
});

const leastPassphrase = 12;

function readPassphrase(file: string): Buffer {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (cause) {
    throw new GatehouseError('GH-VAULT-001', `The passphrase file ${file} cannot be read.`, {
      status: 500,
      next: 'Create it, or leave GATEHOUSE_PASSPHRASE_FILE out.',
      cause,
    });
  }
  const end = content.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  const line = Buffer.from(end === -1 ? content : content.subarray(0, end));
  content.fill(0);
  if (line.length >= leastPassphrase) return line;
  throw new GatehouseError('GH-VAULT-002', `The first line of ${file} is too short for a passphrase.`, {
    status: 500,
    next: `Write at least ${leastPassphrase} characters; five random words are better.`,
  });
}

/** Takes the bytes over: they are overwritten here. */
function masterOf(bytes: Buffer, kdf: Scrypt | null): MasterKey {
  const key = secretKey(bytes);
  // Says which key it is and nothing of it.
  const id = derived(key, 'gatehouse master key id').toString('hex').slice(0, 16);
  return { ref: { id, kdf }, key };
}

function secretKey(bytes: Buffer): KeyObject {
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}
