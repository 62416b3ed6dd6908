import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import canonicalize from 'canonicalize';
import { z } from 'zod';
import { GatehouseError } from '../../../config/index.ts';
import { derived, Sealed } from './cipher.ts';

const Scrypt = z.strictObject({
  name: z.literal('scrypt'),
  // A file that was changed must not decide how much memory is taken.
  N: z
    .number()
    .int()
    .min(2)
    .max(2 ** 20),
  r: z.number().int().min(1).max(16),
  p: z.number().int().min(1).max(4),
  salt: z.base64(),
});
export type Scrypt = z.output<typeof Scrypt>;

/** Which master key is meant, and how a passphrase becomes it; `kdf` is null for a key file. */
const MasterRef = z.strictObject({ id: z.string().regex(/^[0-9a-f]{16}$/), kdf: Scrypt.nullable() });
export type MasterRef = z.output<typeof MasterRef>;

const Version = z.strictObject({
  version: z.number().int().min(1),
  updatedAt: z.string(),
  /** The data key of this value, sealed with the master key. */
  key: Sealed,
  /** The value, sealed with its data key. */
  value: Sealed,
});
export type Version = z.output<typeof Version>;

const FileOf = z.strictObject({
  format: z.literal(2),
  /** Grows with each write; the counter beside the file has seen it, so that an older file is noticed. */
  generation: z.number().int().min(1),
  master: MasterRef,
  /** While the master key changes: the new one, sealed with the one before, for processes that still hold that. */
  handover: z.strictObject({ from: MasterRef, key: Sealed }).nullable(),
  /** The key of values that are sealed in the database. It stays when the master key changes. */
  box: Sealed,
  /** The versions of each secret, the newest first. */
  secrets: z.record(z.string(), z.array(Version).min(1)),
});
export type SecretsFile = z.output<typeof FileOf>;
const Written = FileOf.extend({ mac: z.base64() });
export type Written = z.output<typeof Written>;

const OldEntry = z.strictObject({
  version: z.number().int().min(1),
  updatedAt: z.string(),
  ...Sealed.shape,
});
/** Format 1: each value sealed with the master key itself, no earlier versions, nothing that proves the whole. */
const OldFile = z.strictObject({ format: z.literal(1), secrets: z.record(z.string(), OldEntry) });
export type OldFile = z.output<typeof OldFile>;
export type OldEntry = z.output<typeof OldEntry>;

const Either = z.discriminatedUnion('format', [OldFile, Written]);

/** @throws GatehouseError `GH-VAULT-005` for what is no secret store */
export function parseFile(path: string, text: string): OldFile | Written {
  try {
    return Either.parse(JSON.parse(text));
  } catch (cause) {
    throw damaged(path, 'it is not a secret store', cause);
  }
}

/** The whole file is proven, not its entries alone: none can be taken away, put back or moved. */
export function writtenOf(master: KeyObject, file: SecretsFile): Written {
  return { ...file, mac: macOf(master, file).toString('base64') };
}

/** @returns the proven content @throws GatehouseError `GH-VAULT-005` */
export function proven(path: string, master: KeyObject, { mac, ...file }: Written): SecretsFile {
  const given = Buffer.from(mac, 'base64');
  const right = macOf(master, file);
  if (given.length === right.length && timingSafeEqual(given, right)) return file;
  throw damaged(path, 'its content is not what was written');
}

function macOf(master: KeyObject, file: SecretsFile): Buffer {
  return createHmac('sha256', derived(master, 'gatehouse secrets file'))
    .update(canonicalize(file) ?? '')
    .digest();
}

/** What any sign of tampering is answered with. */
export function damaged(path: string, what: string, cause?: unknown): GatehouseError {
  return new GatehouseError('GH-VAULT-005', `${path} was changed from outside, or its key was: ${what}.`, {
    status: 500,
    next: 'Restore the file and its key from the backup, or set the secret again.',
    cause,
  });
}
