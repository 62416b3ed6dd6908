import type { Logger } from '../../config/index.ts';
import { createEnvironmentStore, variableOf } from './environment/store.ts';
import { createSecretStore, type KeySource, type SecretStore } from './file/index.ts';
import { createFolderStore } from './folder/store.ts';
import { createVaultStore, type VaultAddress, type VaultStore } from './hashicorp/store.ts';
import type { Rotate } from '../rotation/plan.ts';
import { readOnly, refusal } from './refusals.ts';
import { readRoutes, type Route, type Routes, type StoreConfig } from './routes.ts';
import { checkName, type Borrowed, type Issued, type SecretInfo, type Store } from './store.ts';

/** The gateway's own store, as reports name it. */
const ownStore = 'file';

/** A secret as it is shown: of a store that cannot be asked only where it is. */
export interface ListedSecret {
  name: string;
  store: string;
  /** Null where it is not set, is made anew for each call, or its store does not answer. */
  info: Omit<SecretInfo, 'name'> | null;
  /** Whether each call gets a credential of its own. */
  perCall: boolean;
  /** How it is rotated, where secrets.yaml says so. */
  rotate?: Rotate;
  /** Why its store does not answer. */
  problem?: unknown;
}

/** Every secret of an installation, wherever it lies. */
export interface Secrets extends SecretStore {
  /** A credential that is made for one call; undefined for a secret that is only kept. */
  lend(name: string): Promise<Borrowed | undefined>;
  /**
   * A credential that is made for its holder and lives on after this process; nothing renews it.
   * @param remember notes the session that it lives by before it is made, for `revokeSession`
   * @returns undefined for a secret that is only kept
   */
  issue(
    name: string,
    remember: (session: { store: string; accessor: string }) => Promise<void>,
  ): Promise<Issued | undefined>;
  /** What may be shown of one. @returns undefined where it is not set */
  describe(name: string): Promise<Omit<SecretInfo, 'name'> | undefined>;
  /** Lets the store of a secret make its next value, which ends the former one. */
  replace(name: string): Promise<void>;
  /** @param known names that are used somewhere, for stores that are not asked what they hold */
  overview(known: readonly string[]): Promise<ListedSecret[]>;
  /** Asks each store whether it could be read from. @returns those of secrets.yaml, with why not */
  check(): Promise<{ store: string; kind: StoreConfig['kind']; problem?: unknown }[]>;
  /** The session of a Vault that did not end, such as after a crash. @returns false where it cannot be ended now */
  revokeSession(session: { store: string; accessor: string }): Promise<boolean>;
  /** What the account of a Vault may do on each of these paths. @throws GatehouseError as `get`; for a store that is none */
  capabilities(store: string, paths: readonly string[]): Promise<Map<string, string[]>>;
  close(): Promise<void>;
  readonly routes: Routes;
}

/** The store of an entry of secrets.yaml, spoken to by the name of a secret. */
interface Routed {
  store: string;
  read: (name: string, version?: number) => Promise<string | undefined>;
  write: ((name: string, value: string) => Promise<Omit<SecretInfo, 'name'>>) | undefined;
  describe: (name: string) => Promise<Omit<SecretInfo, 'name'> | undefined>;
  lend: ((name: string) => Promise<Borrowed>) | undefined;
  replace: ((name: string) => Promise<void>) | undefined;
}

/**
 * Opens the gateway's own store and those of `secrets.yaml`. A store is signed in to when it is first asked, so that one
 * that is away stops only the calls that need it.
 * @param options.remember notes the accessor of a Vault's token before it is used
 * @param options.variables what variables are read from; `process.env` when left out
 * @throws GatehouseError as `createSecretStore` and `readRoutes`; `GH-VAULT-021` for variables in production
 */
export async function openSecrets(
  options: KeySource & {
    policiesDir: string;
    production: boolean;
    log: Logger;
    remember?: ((store: string, accessor: string) => Promise<void>) | undefined;
    variables?: NodeJS.ProcessEnv;
    /** Whether to look only: no wrapping token is opened. */
    lookOnly?: boolean;
  },
): Promise<Secrets> {
  const own = createSecretStore(options);
  const routes = await readRoutes(options.policiesDir);
  const opened = new Map(
    Object.entries(routes.stores).map(([name, config]) => [name, openStore(name, config, own, options)]),
  );
  const routed = (name: string): Routed | undefined => {
    const route = routes.of(name);
    return route && opened.get(route.store)?.to(route);
  };
  const ask = async (name: string): Promise<ListedSecret> => {
    const route = routes.of(name);
    const store = route?.store ?? ownStore;
    const perCall = route?.role !== undefined;
    try {
      return { name, store, perCall, info: (await routed(name)?.describe(name)) ?? null };
    } catch (problem) {
      return { name, store, perCall, info: null, problem };
    }
  };

  return {
    routes,
    async get(name, version) {
      const elsewhere = routed(name);
      return elsewhere ? elsewhere.read(name, version) : own.get(name, version);
    },
    async set(name, value) {
      checkName(name);
      const elsewhere = routed(name);
      if (!elsewhere) return own.set(name, value);
      if (elsewhere.write) return { name, ...(await elsewhere.write(name, value)) };
      throw readOnly(name, `the store ${elsewhere.store}`, 'Change it where it is kept.');
    },
    async list() {
      return (await own.list()).filter(({ name }) => !routes.of(name));
    },
    async remove(name) {
      const elsewhere = routed(name);
      if (elsewhere) throw readOnly(name, `the store ${elsewhere.store}`, 'Remove it where it is kept.');
      return own.remove(name);
    },
    lend: async (name) => routed(name)?.lend?.(name),
    async issue(name, remember) {
      const route = routes.of(name);
      const vault = route?.role === undefined ? undefined : opened.get(route.store)?.vault;
      if (!route || !vault) return undefined;
      const { store } = route;
      return vault.issue(inVault(route, name), (accessor) => remember({ store, accessor }));
    },
    async describe(name) {
      const elsewhere = routed(name);
      if (elsewhere) return elsewhere.describe(name);
      return (await own.list()).find((entry) => entry.name === name);
    },
    async replace(name) {
      const elsewhere = routed(name);
      if (!elsewhere?.replace) throw readOnly(name, 'a store that makes no values', 'Set it yourself.');
      await elsewhere.replace(name);
    },
    async overview(known) {
      const here = (await own.list()).filter(({ name }) => !routes.of(name));
      const single = routes.list().flatMap(({ names }) => (names.endsWith('/') ? [] : [names]));
      const elsewhere = new Set([...single, ...known.filter((name) => routes.of(name))]);
      const rotated = new Map(routes.rotations().map(({ name, rotate }) => [name, rotate]));
      const unset = [...rotated.keys()].filter(
        (name) => !elsewhere.has(name) && !here.some((entry) => entry.name === name),
      );
      const all: ListedSecret[] = [
        ...here.map(({ name, ...info }) => ({ name, store: ownStore, perCall: false, info })),
        ...(await Promise.all([...elsewhere, ...unset].map(ask))),
      ];
      return all
        .map((entry) => {
          const rotate = rotated.get(entry.name);
          return rotate ? { ...entry, rotate } : entry;
        })
        .sort((one, other) => one.name.localeCompare(other.name));
    },
    check: () =>
      Promise.all(
        [...opened].map(async ([store, { kind, check }]) => {
          const problem = await check().then(
            () => undefined,
            (error: unknown) => error,
          );
          return problem === undefined ? { store, kind } : { store, kind, problem };
        }),
      ),
    revokeSession: async ({ store, accessor }) => {
      const vault = opened.get(store)?.vault;
      // A store that secrets.yaml names no more is not asked: its token has an end of its own.
      return vault ? vault.revokeSession(accessor) : true;
    },
    async capabilities(store, paths) {
      const vault = opened.get(store)?.vault;
      if (!vault) throw refusal(store, 'odd');
      return vault.capabilities(paths);
    },
    async close() {
      for (const { vault } of opened.values()) await vault?.close();
    },
  };
}

/** Nothing is lent that would have to be ended after a crash. */
const nobody = (): Promise<void> => Promise.resolve();

interface Opened {
  kind: StoreConfig['kind'];
  check: () => Promise<void>;
  to: (route: Route) => Routed;
  vault?: VaultStore;
}

function openStore(
  name: string,
  config: StoreConfig,
  own: SecretStore,
  options: Parameters<typeof openSecrets>[0],
): Opened {
  const { kind } = config;
  switch (config.kind) {
    case 'vault': {
      const { log, lookOnly, remember = nobody } = options;
      const noted = (accessor: string): Promise<void> => remember(name, accessor);
      const vault = createVaultStore({ name, config, own, lookOnly, log, remember: noted });
      const replace = (route: Route, secret: string): Promise<void> =>
        vault.rotateRole(inVault(route, secret));
      return {
        kind,
        vault,
        check: vault.check,
        to: (route) => ({
          ...bound(name, vault, route, inVault),
          replace: route.staticRole === undefined ? undefined : (secret) => replace(route, secret),
        }),
      };
    }
    case 'folder': {
      const folder = createFolderStore(name, config.path);
      const file = (route: Route, secret: string): { file: string } => ({
        file: route.file ?? secret.replaceAll('/', '-'),
      });
      return { kind, check: folder.check, to: (route) => bound(name, folder, route, file) };
    }
    case 'environment': {
      if (options.production) throw refusal(name, 'forbidden');
      const text = `secrets are read from variables (${config.prefix}…): for development only, never for real ones`;
      options.log.warn({ store: name }, text);
      const variables = createEnvironmentStore(options.variables ?? process.env);
      const variable = (_route: Route, secret: string): { variable: string } => ({
        variable: variableOf(config.prefix, secret),
      });
      return { kind, check: variables.check, to: (route) => bound(name, variables, route, variable) };
    }
  }
}

function bound<Address>(
  store: string,
  at: Store<Address>,
  route: Route,
  address: (route: Route, name: string) => Address,
): Routed {
  const { write, lend } = at;
  const { role, staticRole } = route;
  return {
    store,
    read: (name, version) => at.read(address(route, name), version),
    describe: (name) => at.describe(address(route, name)),
    write:
      write && (role ?? staticRole) === undefined
        ? (name, value) => write(address(route, name), value)
        : undefined,
    lend: lend && role !== undefined ? (name) => lend(address(route, name)) : undefined,
    replace: undefined,
  };
}

/** Where a route leads in a Vault; also what its policy has to open. */
export function inVault(route: Route, name: string): VaultAddress {
  const { role, staticRole, url, mount, path = '', field = 'value' } = route;
  if (staticRole !== undefined && url !== undefined) return { mount: mount ?? 'database', staticRole, url };
  if (role !== undefined && url !== undefined) return { mount: mount ?? 'database', role, url };
  const single = !route.names.endsWith('/') && /[^/]$/.test(path);
  return { mount: mount ?? 'secret', path: single ? path : `${path}${name}`, field };
}
