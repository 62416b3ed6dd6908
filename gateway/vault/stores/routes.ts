import { join } from 'node:path';
import { z } from 'zod';
import { GatehouseError, readYamlFile } from '../../config/index.ts';
import { Rotate } from '../rotation/plan.ts';

const storeName = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/);
const segments = z
  .string()
  .regex(/^([A-Za-z0-9_][A-Za-z0-9_.-]*\/)*([A-Za-z0-9_][A-Za-z0-9_.-]*)?$/, 'is not a path below a mount');

const VaultStore = z.strictObject({
  kind: z.literal('vault').describe('HashiCorp Vault or OpenBao'),
  address: z.url({ protocol: /^https?$/ }),
  namespace: z.string().min(1).max(200).optional(),
  caFile: z.string().optional().describe('certificate authority of its certificate, PEM'),
  timeoutSeconds: z.number().min(0.1).max(30).default(3).describe('for each request'),
  appRole: z.strictObject({
    mount: segments.default('approle'),
    roleId: z.string().min(1).max(200),
    wrappedFile: z
      .string()
      .optional()
      .describe('file with a wrapping token that holds the secret id; it is unwrapped once and removed'),
  }),
});
const FolderStore = z.strictObject({
  kind: z.literal('folder').describe('secret files of Docker or Kubernetes'),
  path: z.string().min(1),
});
const EnvironmentStore = z.strictObject({
  kind: z.literal('environment').describe('variables of the gateway’s process, for development'),
  prefix: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*_$/)
    .default('SECRET_'),
});

/** A name, or the beginning of names where it ends with `/`. */
const names = z.string().regex(/^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*\/?$/);

/** What the gateway itself needs before any store can be asked, or shares with programs beside it. */
const own = /^(gateway|n8n|runner|stores)(\/|$)/;

const Route = z.strictObject({
  names: names
    .refine((value) => !own.test(value), 'belongs to the gateway itself and stays in its own store')
    .describe('a secret, or all that begin with this where it ends with /'),
  store: storeName.optional().describe('where it lies; left out, where it would lie without this entry'),
  mount: segments.optional().describe('vault: the engine’s mount; `secret`, or `database` with a role'),
  path: segments
    .optional()
    .describe('vault: put in front of the name where it ends with /, else the whole path'),
  field: z.string().min(1).max(100).optional().describe('vault: key within the secret, `value` by default'),
  role: segments.optional().describe('vault: role of the database engine; each call gets a user of its own'),
  staticRole: segments
    .optional()
    .describe('vault: static role of the database engine; its user stays, its password changes'),
  url: z
    .string()
    .regex(/\{username\}.*\{password\}/)
    .optional()
    .describe('with a role or staticRole: the value that a call gets, with {username} and {password}'),
  file: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/)
    .optional()
    .describe('folder: the file’s name; the secret’s own with - for / by default'),
  rotate: Rotate.optional().describe('how and how often its value is replaced'),
});
type Entry = z.output<typeof Route>;
export type Route = Entry & { store: string };

const SecretsFile = z
  .strictObject({
    stores: z
      .record(storeName, z.discriminatedUnion('kind', [VaultStore, FolderStore, EnvironmentStore]))
      .default({}),
    secrets: z.array(Route).default([]),
  })
  .check((context) => {
    const { stores, secrets } = context.value;
    const fault = (index: number, key: string, message: string): void =>
      void context.issues.push({
        code: 'custom',
        message,
        path: ['secrets', index, key],
        input: secrets[index],
      });
    for (const [index, route] of secrets.entries()) {
      const { store } = route;
      const kind = store !== undefined && Object.hasOwn(stores, store) ? stores[store]?.kind : undefined;
      if (store === undefined && !route.rotate) fault(index, 'store', 'is missing');
      if (store !== undefined && kind === undefined) fault(index, 'store', 'is not declared under stores');
      if (secrets.findIndex((other) => other.names === route.names) !== index)
        fault(index, 'names', 'stands twice');
      for (const key of ['mount', 'path', 'field', 'role', 'staticRole', 'url'] as const)
        if (route[key] !== undefined && kind !== 'vault') fault(index, key, 'is for a vault');
      if (route.file !== undefined && kind !== 'folder') fault(index, 'file', 'is for a folder');
      const many = route.names.endsWith('/');
      const role = route.role ?? route.staticRole;
      if (many && (role ?? route.file ?? route.rotate) !== undefined)
        fault(index, 'names', 'has to be one secret for a role, a file or a rotation');
      if (route.role !== undefined && route.staticRole !== undefined)
        fault(index, 'staticRole', 'and role are two different ways');
      if ((role === undefined) !== (route.url === undefined)) fault(index, 'role', 'and url belong together');
      if (route.rotate) {
        if (route.role !== undefined)
          fault(index, 'rotate', 'is not for a role: each call gets a new user already');
        if ((route.rotate.by.kind === 'vault') !== (route.staticRole !== undefined))
          fault(index, 'rotate', 'by vault and staticRole belong together');
        if (kind === 'folder' || kind === 'environment')
          fault(index, 'rotate', 'is for a store that can be written');
      }
      if (many && route.path !== undefined && !/(^|\/)$/.test(route.path))
        fault(index, 'path', 'has to end with / in front of several names');
    }
  });

/** Which store holds which secret: `policies/secrets.yaml`. */
export interface Routes {
  stores: z.output<typeof SecretsFile>['stores'];
  /** The longest entry that fits. @returns undefined for a secret of the gateway's own store */
  of(name: string): Route | undefined;
  list(): Route[];
  /** The secrets that are rotated, each with how. */
  rotations(): { name: string; rotate: Rotate }[];
}
export type StoreConfig = Routes['stores'][string];
export type VaultConfig = Extract<StoreConfig, { kind: 'vault' }>;

/**
 * Reads `secrets.yaml`; without one every secret is in the gateway's own store.
 * @throws GatehouseError `GH-VAULT-017` with every fault, its file and line
 */
export async function readRoutes(policiesDir: string): Promise<Routes> {
  const read = await readYamlFile(join(policiesDir, 'secrets.yaml'), SecretsFile, { namesKeys: true });
  if (read?.faults) {
    throw new GatehouseError('GH-VAULT-017', `secrets.yaml cannot be used:\n  ${read.faults.join('\n  ')}`, {
      status: 500,
      next: 'Correct the lines named above; docs/secrets.md says what may stand there.',
      cause: read.cause,
    });
  }
  const { stores, secrets } = read?.value ?? { stores: {}, secrets: [] };
  const stored = secrets.filter((entry): entry is Route => entry.store !== undefined);
  const longestFirst = stored.toSorted((one, other) => other.names.length - one.names.length);
  return {
    stores,
    list: () => stored,
    rotations: () => secrets.flatMap(({ names: name, rotate }) => (rotate ? [{ name, rotate }] : [])),
    of: (name) =>
      longestFirst.find(({ names: given }) =>
        given.endsWith('/') ? name.startsWith(given) : name === given,
      ),
  };
}
