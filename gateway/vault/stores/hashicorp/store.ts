import { z } from 'zod';
import type { Logger } from '../../../config/index.ts';
import type { SecretStore } from '../file/index.ts';
import { refusal } from '../refusals.ts';
import type { VaultConfig } from '../routes.ts';
import type { Issued, Store } from '../store.ts';
import { createDynamicUsers, filled } from './dynamic.ts';
import { issueUser } from './issued.ts';
import { secretIdReader } from './secret-id.ts';
import { createSession } from './session.ts';
import { createTransport } from './transport.ts';

/** Where a Vault keeps one secret: a key within a secret of KV version 2, or a role of its database engine. */
export type VaultAddress =
  | { mount: string; path: string; field: string }
  | { mount: string; role: string; url: string }
  | { mount: string; staticRole: string; url: string };

/** A Vault, and what only it can do. */
export interface VaultStore extends Store<VaultAddress> {
  /** Lets the database engine change the password of a static role, at once. */
  rotateRole: (at: VaultAddress) => Promise<void>;
  /**
   * A user of the database that lives by a session of its own, and so on after this process.
   * @param remember notes that session before the user is made
   */
  issue: (at: VaultAddress, remember: (accessor: string) => Promise<void>) => Promise<Issued>;
  /** Ends a session of before with everything that it lent. @returns false where it cannot be ended now */
  revokeSession: (accessor: string) => Promise<boolean>;
  /** What its account may do on each of these paths; see https://developer.hashicorp.com/vault/api-docs/system/capabilities-self */
  capabilities: (paths: readonly string[]) => Promise<Map<string, string[]>>;
  /** Signs out. */
  close: () => Promise<void>;
}

const Metadata = z.object({ version: z.number().int().min(1), created_time: z.string() });
const Secret = z.object({
  data: z.object({ data: z.record(z.string(), z.unknown()).nullable(), metadata: Metadata }),
});
const Capabilities = z.object({ data: z.record(z.string(), z.unknown()) });
const Stored = z.object({ data: Metadata });
const StaticUser = z.object({
  data: z.object({
    username: z.string().min(1),
    password: z.string().min(1),
    last_vault_rotation: z.string(),
  }),
});

/**
 * HashiCorp Vault or OpenBao, signed in with AppRole at the first use.
 * @param parts.name its name in secrets.yaml
 * @param parts.own the gateway's own store, which keeps the secret id
 * @throws GatehouseError `GH-VAULT-023` where its certificate authority cannot be read
 */
export function createVaultStore(parts: {
  name: string;
  config: VaultConfig;
  own: Pick<SecretStore, 'get' | 'set'>;
  remember: (accessor: string) => Promise<void>;
  lookOnly?: boolean | undefined;
  log: Logger;
}): VaultStore {
  const { name, config, own, log } = parts;
  const { mount, roleId } = config.appRole;
  const wrappedFile = parts.lookOnly ? undefined : config.appRole.wrappedFile;
  const transport = createTransport(config);
  const secretId = secretIdReader({ store: name, mount, wrappedFile, own, transport, log });
  const account = { store: name, transport, mount, roleId, secretId };
  const session = createSession({ ...account, remember: parts.remember, log });
  const users = createDynamicUsers({ store: name, session, log });

  const found = async (at: VaultAddress, version?: number): Promise<z.output<typeof Secret> | undefined> => {
    if (!('path' in at)) return undefined;
    const of = version === undefined ? '' : `?version=${version}`;
    const answer = await session.call({ method: 'GET', path: `${at.mount}/data/${at.path}${of}` });
    if (answer === undefined) return undefined;
    const parsed = Secret.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw refusal(name, 'odd');
  };

  const staticUser = async (at: VaultAddress): Promise<z.output<typeof StaticUser>['data'] | undefined> => {
    if (!('staticRole' in at)) return undefined;
    const answer = await session.call({ method: 'GET', path: `${at.mount}/static-creds/${at.staticRole}` });
    if (answer === undefined) return undefined;
    const parsed = StaticUser.safeParse(answer);
    if (parsed.success) return parsed.data.data;
    throw refusal(name, 'odd');
  };

  return {
    async read(at, version) {
      // Of a static role there is the current password only.
      if ('staticRole' in at) {
        const user = version === undefined || version === 1 ? await staticUser(at) : undefined;
        return user && filled(at.url, user);
      }
      const secret = await found(at, version);
      if (!secret || !('path' in at)) return undefined;
      const { data } = secret.data;
      const value = data && Object.hasOwn(data, at.field) ? data[at.field] : undefined;
      if (value === undefined) return undefined;
      if (typeof value !== 'string') throw refusal(name, 'odd');
      return value;
    },
    async write(at, value) {
      if (!('path' in at)) throw refusal(name, 'odd');
      const known = await found(at);
      // Other keys of the secret stay, and nobody's write in between is lost (`cas`).
      const answer = await session.call({
        method: 'POST',
        path: `${at.mount}/data/${at.path}`,
        body: {
          data: { ...known?.data.data, [at.field]: value },
          options: { cas: known?.data.metadata.version ?? 0 },
        },
      });
      const parsed = Stored.safeParse(answer);
      if (!parsed.success) throw refusal(name, 'odd');
      return { version: parsed.data.data.version, updatedAt: parsed.data.data.created_time };
    },
    async describe(at) {
      const user = await staticUser(at);
      if (user) return { version: 1, updatedAt: user.last_vault_rotation };
      const secret = await found(at);
      if (!secret?.data.data) return undefined;
      const { version, created_time: updatedAt } = secret.data.metadata;
      return { version, updatedAt };
    },
    async lend(at) {
      if ('role' in at) return users.lend(at);
      throw refusal(name, 'odd');
    },
    async issue(at, remember) {
      if ('role' in at) return issueUser(account, at, remember);
      throw refusal(name, 'odd');
    },
    async rotateRole(at) {
      if (!('staticRole' in at)) throw refusal(name, 'odd');
      await session.call({ method: 'POST', path: `${at.mount}/rotate-role/${at.staticRole}`, body: {} });
    },
    async check() {
      await session.call({ method: 'GET', path: 'auth/token/lookup-self' });
    },
    async revokeSession(accessor) {
      try {
        await session.call({ method: 'POST', path: 'auth/token/revoke-accessor', body: { accessor } });
        return true;
      } catch (error) {
        // An accessor that is known no more is a 400 or a 403: its token has ended.
        const { code } = error as { code?: string };
        return code === 'GH-VAULT-022';
      }
    },
    async capabilities(paths) {
      const answer = await session.call({ method: 'POST', path: 'sys/capabilities-self', body: { paths } });
      const parsed = Capabilities.safeParse(answer);
      const known = paths.map((path) => {
        const list = z.array(z.string()).safeParse(parsed.data?.data[path]);
        if (!list.success) throw refusal(name, 'odd');
        return [path, list.data] as const;
      });
      return new Map(known);
    },
    async close() {
      users.close();
      await session.close();
    },
  };
}
