import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { derived, keyBytes, open, opened, seal } from './cipher.ts';
import {
  damaged,
  proven,
  type OldEntry,
  type OldFile,
  type SecretsFile,
  type Version,
  type Written,
} from './format.ts';
import type { Keyring, MasterKey } from './master-key.ts';

/** Versions of a secret that are kept, the current one among them. */
const keptVersions = 6;

/** A store in memory: read, proven, its values still sealed. */
export interface Content {
  file: SecretsFile;
  master: KeyObject;
}

const boxPurpose = 'gatehouse database values';
const boxBelongs = ['box'];
const belongs = (name: string, { version, updatedAt }: Pick<Version, 'version' | 'updatedAt'>) => ({
  key: ['data key', name, version, updatedAt],
  value: [name, version, updatedAt],
});

/** A store without a secret. */
export function emptyContent({ ref, key }: MasterKey): Content {
  // Databases of format 1 were sealed with a key that is derived like this, so it is where the box begins.
  const box = seal(key, boxBelongs, derived(key, boxPurpose));
  return { master: key, file: { format: 2, generation: 0, master: ref, handover: null, box, secrets: {} } };
}

/**
 * A store as it was read; one of format 1 is brought over, which changes the file at the next write only.
 * @throws GatehouseError `GH-VAULT-005`
 */
export function contentOf(path: string, read: OldFile | Written, keys: Keyring): Content {
  if (read.format === 2) {
    const master = keys.of(path, read);
    return { master, file: proven(path, master, read) };
  }
  const fresh = keys.fresh();
  if (fresh.ref.kdf !== null) {
    throw damaged(
      path,
      'a passphrase is named, and it is still sealed with a key file (rotate-key --to-passphrase)',
    );
  }
  const content = emptyContent(fresh);
  for (const [name, entry] of Object.entries(read.secrets)) {
    const plain = oldValue(path, fresh.key, name, entry);
    const { version, updatedAt } = entry;
    content.file.secrets[name] = [sealed(fresh.key, name, { version, updatedAt }, plain)];
    plain.fill(0);
  }
  return content;
}

function oldValue(path: string, key: KeyObject, name: string, entry: OldEntry): Buffer {
  const { version, updatedAt, ...value } = entry;
  try {
    return open(key, [name, version, updatedAt], value);
  } catch (cause) {
    throw damaged(path, `the secret ${name} does not open with this key`, cause);
  }
}

/** The version that is asked for, or the current one. */
export function versionOf(
  { secrets }: SecretsFile,
  name: string,
  version: number | undefined,
): Version | undefined {
  const versions = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
  return version === undefined ? versions?.[0] : versions?.find((entry) => entry.version === version);
}

/** Puts a value in front of the versions of its secret. @param plain is overwritten */
export function withValue({ file, master }: Content, name: string, plain: Buffer, updatedAt: string): number {
  const versions = Object.hasOwn(file.secrets, name) ? (file.secrets[name] ?? []) : [];
  const version = (versions[0]?.version ?? 0) + 1;
  const next = sealed(master, name, { version, updatedAt }, plain);
  plain.fill(0);
  file.secrets[name] = [next, ...versions].slice(0, keptVersions);
  return version;
}

function sealed(
  master: KeyObject,
  name: string,
  about: Pick<Version, 'version' | 'updatedAt'>,
  plain: Buffer,
): Version {
  const at = belongs(name, about);
  const dataKey = randomBytes(keyBytes);
  try {
    return { ...about, key: seal(master, at.key, dataKey), value: seal(dataKey, at.value, plain) };
  } finally {
    dataKey.fill(0);
  }
}

/** @throws GatehouseError `GH-VAULT-005` */
export function valueOf(path: string, master: KeyObject, name: string, entry: Version): string {
  const at = belongs(name, entry);
  try {
    return opened(master, at.key, entry.key, (dataKey) =>
      // As a KeyObject: from bytes Node makes one as well, which takes it three times as long.
      opened(createSecretKey(dataKey), at.value, entry.value, (plain) => plain.toString('utf8')),
    );
  } catch (cause) {
    throw damaged(path, `the secret ${name} does not open with this key`, cause);
  }
}

/** The key of the values that are sealed in the database. */
export function boxKeyOf(path: string, { master, file }: Content): KeyObject {
  try {
    return opened(master, boxBelongs, file.box, (plain) => createSecretKey(plain));
  } catch (cause) {
    throw damaged(path, 'the key of the database’s values does not open', cause);
  }
}

/** The same store under another master key: data keys are sealed anew, values stay as they are. */
export function rewrapped({ file, master }: Content, next: MasterKey): Content {
  const again = (about: readonly (string | number)[], key: Version['key']): Version['key'] =>
    opened(master, about, key, (plain) => seal(next.key, about, plain));
  const secrets = Object.fromEntries(
    Object.entries(file.secrets).map(([name, versions]) => [
      name,
      versions.map((entry) => ({ ...entry, key: again(belongs(name, entry).key, entry.key) })),
    ]),
  );
  return {
    master: next.key,
    file: { ...file, master: next.ref, box: again(boxBelongs, file.box), secrets },
  };
}
