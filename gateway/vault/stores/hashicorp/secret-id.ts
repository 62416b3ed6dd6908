import { hash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { GatehouseError, type Logger } from '../../../config/index.ts';
import type { SecretStore } from '../file/index.ts';
import { told } from './session.ts';
import { VaultFailure, type VaultTransport } from './transport.ts';

/** Where the secret id of a store is kept, in the gateway's own store. */
export const secretIdName = (store: string): string => `stores/${store}/secret-id`;
const takenName = (store: string): string => `stores/${store}/taken`;

/**
 * The secret id of an AppRole. It comes as a wrapping token in a file, which is good for one use: that it opens proves
 * that nobody opened it before (https://developer.hashicorp.com/vault/docs/concepts/response-wrapping). What was in it is
 * kept in the gateway's own store, where `gatehouse secret set stores/NAME/secret-id` may put one as well.
 * @throws GatehouseError `GH-VAULT-008` where there is none, `GH-VAULT-015` for a token that was opened, expired or
 *   wraps something else; `-011` to `-013`
 */
export function secretIdReader(parts: {
  store: string;
  mount: string;
  wrappedFile: string | undefined;
  own: Pick<SecretStore, 'get' | 'set'>;
  transport: VaultTransport;
  log: Pick<Logger, 'info' | 'warn'>;
}): () => Promise<string> {
  const { store, own, log, wrappedFile } = parts;
  return async () => {
    const token = wrappedFile === undefined ? undefined : await tokenIn(wrappedFile);
    const mark = token === undefined ? undefined : hash('sha256', token);
    if (token !== undefined && mark !== undefined && (await own.get(takenName(store))) !== mark) {
      const secretId = await unwrapped(parts, token);
      await own.set(secretIdName(store), secretId);
      // On a read-only mount it stays, and is known by its digest.
      await own.set(takenName(store), mark);
      await rm(wrappedFile as string).catch(() => undefined);
      log.info({ store }, 'took the secret id of a store out of its wrapping');
      return secretId;
    }
    const known = await own.get(secretIdName(store));
    if (known !== undefined) return known;
    throw new GatehouseError('GH-VAULT-008', `The secret id of the store ${store} is not set.`, {
      status: 409,
      next: `Put a wrapping token into its wrappedFile, or run gatehouse secret set ${secretIdName(store)}.`,
    });
  };
}

async function tokenIn(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trim() === '' ? undefined : text.trim();
}

async function unwrapped(
  { store, mount, transport }: { store: string; mount: string; transport: VaultTransport },
  token: string,
): Promise<string> {
  try {
    const looked = await transport({ method: 'POST', path: 'sys/wrapping/lookup', body: { token } });
    const { creation_path: from } = ((looked as { data?: object }).data ?? {}) as { creation_path?: unknown };
    // Somebody who swaps the token can wrap a secret id of their own choice elsewhere, and not here.
    const right =
      typeof from === 'string' && from.startsWith(`auth/${mount}/role/`) && from.endsWith('/secret-id');
    if (!right) throw suspicious(store, 'wraps something else than a secret id of its role');
    const opened = await transport({ method: 'POST', path: 'sys/wrapping/unwrap', body: {}, token });
    const { secret_id: secretId } = ((opened as { data?: object }).data ?? {}) as { secret_id?: unknown };
    if (typeof secretId !== 'string') throw suspicious(store, 'holds no secret id');
    return secretId;
  } catch (error) {
    if (error instanceof VaultFailure && (error.why === 400 || error.why === 403 || error.why === 404))
      throw suspicious(store, 'was opened before, or has expired');
    throw told(store, error);
  }
}

const suspicious = (store: string, what: string): GatehouseError =>
  new GatehouseError('GH-VAULT-015', `The wrapping token of the store ${store} ${what}.`, {
    status: 403,
    next: 'Somebody else may hold the secret id: destroy it at the Vault, find out who, and issue a new one.',
  });
