import type { VaultAddress } from './stores/hashicorp/store.ts';
import { inVault } from './stores/open.ts';
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

function policyOf(routes: Routes, store: string, used: ReadonlyMap<string, readonly string[]>): string {
  const single = routes.list().flatMap(({ names }) => (names.endsWith('/') ? [] : [names]));
  const names = [...new Set([...used.keys(), ...single])].sort();
  const rotated = new Set(routes.rotations().map(({ name }) => name));
  const paths = new Map<string, { comments: string[]; capabilities: string[] }>();
  let dynamic = false;
  for (const name of names) {
    const route = routes.of(name);
    if (route?.store !== store) continue;
    const at = inVault(route, name);
    dynamic ||= 'role' in at;
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
  return [
    ...[...paths].flatMap(([path, { comments, capabilities }]) => [
      ...comments,
      stanza(path, ...capabilities),
    ]),
    '# Its own session.',
    stanza('auth/token/lookup-self', 'read'),
    stanza('auth/token/renew-self', 'update'),
    stanza('auth/token/revoke-self', 'update'),
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
