import type { VaultAddress } from './stores/hashicorp/store.ts';
import { inVault, type Secrets } from './stores/open.ts';
import type { Routes } from './stores/routes.ts';

/** What one store entry, which is one service account at its Vault, has to be allowed. */
export interface VaultPolicy {
  /** The store's name in secrets.yaml. */
  store: string;
  /** What to call it at the Vault. */
  name: string;
  /** The policy in Vault's own form (HCL). */
  hcl: string;
}

/**
 * The policies that let the gateway's service accounts read exactly the secrets that something uses, and nothing else.
 * @param used names of secrets with what uses each
 */
export function vaultPolicies(routes: Routes, used: ReadonlyMap<string, readonly string[]>): VaultPolicy[] {
  return Object.entries(routes.stores)
    .filter(([, { kind }]) => kind === 'vault')
    .map(([store]) => ({ store, name: `gatehouse-${store}`, hcl: policyOf(routes, store, used) }));
}

/** What an account may do at its Vault beyond what its secrets need. */
interface Excess {
  store: string;
  /** Each path with what is too much there; `*` stands for names that nothing uses. */
  paths: { path: string; capabilities: string[] }[];
}

/**
 * Asks each Vault what its account may do: on the paths of its secrets, and on some that nothing of ours uses.
 * @param used names of secrets with what uses each
 * @returns the accounts, or why one cannot be asked
 */
export async function vaultExcess(
  { routes, capabilities }: Pick<Secrets, 'routes' | 'capabilities'>,
  used: ReadonlyMap<string, readonly string[]>,
): Promise<(Excess | { store: string; problem: unknown })[]> {
  const vaults = Object.entries(routes.stores).flatMap(([store, config]) =>
    config.kind === 'vault' ? [{ store, appRole: config.appRole.mount }] : [],
  );
  return Promise.all(
    vaults.map(async ({ store, appRole }) => {
      const { paths, mounts } = pathsOf(routes, store, used);
      const foreign = [
        ...mounts.flatMap(({ mount, kind }) => foreignBelow[kind].map((path) => `${mount}/${path}`)),
        `auth/${appRole}/role/*`,
        ...foreignOfAll,
      ];
      const needed = new Map([
        ...foreign.map((path): [string, readonly string[]] => [path, []]),
        ...[...paths].map(([path, entry]): [string, readonly string[]] => [path, entry.capabilities]),
      ]);
      try {
        const known = await capabilities(store, [...needed.keys()].map(asked));
        const excess = [...needed].map(([path, enough]) => ({
          path,
          capabilities: (known.get(asked(path)) ?? []).filter(
            (one) => one !== 'deny' && !enough.includes(one),
          ),
        }));
        return { store, paths: excess.filter((entry) => entry.capabilities.length > 0) };
      } catch (problem) {
        return { store, problem };
      }
    }),
  );
}

/** Paths of an engine that no secret lies at. */
const foreignBelow = {
  kv: ['data/*', 'metadata/*'],
  database: ['creds/*', 'static-creds/*', 'roles/*', 'config/*'],
};
/** What only an administrator needs. */
const foreignOfAll = ['sys/policies/acl/*', 'sys/mounts/*', 'sys/auth/*', 'auth/token/create'];

/** A name that nobody has, in the place of any. */
const asked = (path: string): string => path.replace('*', 'gatehouse-doctor-asks');

function policyOf(routes: Routes, store: string, used: ReadonlyMap<string, readonly string[]>): string {
  const { paths, dynamic } = pathsOf(routes, store, used);
  return [
    ...[...paths].flatMap(([path, { comments, capabilities }]) => [
      ...comments,
      stanza(path, ...capabilities),
    ]),
    '# Its own session, and what it may do, which the doctor asks.',
    stanza('auth/token/lookup-self', 'read'),
    stanza('auth/token/renew-self', 'update'),
    stanza('auth/token/revoke-self', 'update'),
    stanza('sys/capabilities-self', 'update'),
    ...(dynamic
      ? [
          '# Users that are made for a call: kept while it runs, removed after it, also after a crash.',
          stanza('sys/leases/renew', 'update'),
          stanza('sys/leases/revoke', 'update'),
          stanza('auth/token/revoke-accessor', 'update'),
        ]
      : []),
  ].join('\n');
}

/** What the secrets of a store need of its Vault. */
interface Needs {
  paths: Map<string, { comments: string[]; capabilities: string[] }>;
  mounts: { mount: string; kind: keyof typeof foreignBelow }[];
  /** Whether users are made for calls. */
  dynamic: boolean;
}

function pathsOf(routes: Routes, store: string, used: ReadonlyMap<string, readonly string[]>): Needs {
  const single = routes.list().flatMap(({ names }) => (names.endsWith('/') ? [] : [names]));
  const names = [...new Set([...used.keys(), ...single])].sort();
  const rotated = new Set(routes.rotations().map(({ name }) => name));
  const paths: Needs['paths'] = new Map();
  const mounts = new Map<string, keyof typeof foreignBelow>();
  let dynamic = false;
  for (const name of names) {
    const route = routes.of(name);
    if (route?.store !== store) continue;
    const at = inVault(route, name);
    dynamic ||= 'role' in at;
    mounts.set(at.mount, 'path' in at ? 'kv' : 'database');
    const by = used.get(name) ?? [];
    const comment = `# ${name}: ${by.length === 0 ? 'no tool of the catalogue' : by.join(', ')}`;
    for (const [path, capabilities] of needed(at, rotated.has(name))) {
      const known = paths.get(path);
      paths.set(path, {
        comments: [...(known?.comments ?? []), comment],
        capabilities: [...new Set([...(known?.capabilities ?? []), ...capabilities])],
      });
    }
  }
  return { paths, mounts: [...mounts].map(([mount, kind]) => ({ mount, kind })), dynamic };
}

/** What each path of a secret has to be open for. @param rotated whether the gateway replaces it */
function needed(at: VaultAddress, rotated: boolean): [path: string, capabilities: string[]][] {
  if ('role' in at) return [[`${at.mount}/creds/${at.role}`, ['read']]];
  if ('staticRole' in at)
    return [
      [`${at.mount}/static-creds/${at.staticRole}`, ['read']],
      ...(rotated
        ? [[`${at.mount}/rotate-role/${at.staticRole}`, ['update']] satisfies [string, string[]]]
        : []),
    ];
  return [[`${at.mount}/data/${at.path}`, rotated ? ['read', 'create', 'update'] : ['read']]];
}

const stanza = (path: string, ...capabilities: string[]): string =>
  `path "${path}" {\n  capabilities = [${capabilities.map((one) => `"${one}"`).join(', ')}]\n}\n`;
