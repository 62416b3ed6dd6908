import type { ListedSecret, vaultExcess } from '../vault/index.ts';
import { fail, failure, note, ok, warn, type Finding } from './finding.ts';

/** What is known of the secrets of an installation. */
export interface KnownSecrets {
  secrets: readonly ListedSecret[];
  /** Names of those that do not open with the key. */
  closed: readonly string[];
  stores: readonly { store: string; kind: string; problem?: unknown }[];
  /** Whether the former master key still leads to the store. */
  rotationWaits: boolean;
}

/** A secret that stays the same for longer is worth a look. */
const oldDays = 180;
const dayMs = 86_400_000;

/** Whether what is stored can be used, and which of it is old. */
export function secretsFindings(
  { secrets, closed, stores, rotationWaits }: KnownSecrets,
  now: Date,
): Finding[] {
  const stored = secrets.filter(({ info }) => info !== null);
  // Folders and variables have no versions to tell an old secret by.
  const counting = ['file', ...stores.flatMap(({ store, kind }) => (kind === 'vault' ? [store] : []))];
  return [
    ...closed.map((name) =>
      fail('secrets', `The secret ${name} does not open with this key.`, `npx gatehouse secret set ${name}`),
    ),
    ...(closed.length > 0 ? [] : [counted(stored.length)]),
    ...(rotationWaits
      ? [
          warn(
            'key',
            'The store’s former key still opens it: a change of the key was not finished.',
            'npx gatehouse secret rotate-key, with --finish where the settings name the key',
          ),
        ]
      : []),
    ...stores.map(storeFinding),
    ...stored
      .filter((secret) => counting.includes(secret.store) && neverRotated(secret, now))
      .map((secret) => oldFinding(secret, now)),
  ];
}

const counted = (count: number): Finding =>
  count === 0
    ? ok('secrets', 'No secret is stored yet.')
    : ok('secrets', `Secrets opened with the key: ${count} of ${count}.`);

function storeFinding({ store, kind, problem }: KnownSecrets['stores'][number]): Finding {
  if (problem !== undefined) return failure('secret-stores', problem);
  if (kind === 'environment') {
    return warn(
      'secret-stores',
      `The store ${store} reads variables of the environment, which every program that the gateway starts sees.`,
      'Use it for development only; docs/secrets.md names the others.',
    );
  }
  return ok('secret-stores', `The store ${store} answers.`);
}

const neverRotated = ({ info, rotate }: ListedSecret, now: Date): boolean =>
  rotate === undefined && info?.version === 1 && now.getTime() - Date.parse(info.updatedAt) > oldDays * dayMs;

function oldFinding({ name, info }: ListedSecret, now: Date): Finding {
  const days = Math.floor((now.getTime() - Date.parse(info?.updatedAt ?? '')) / dayMs);
  const text = `The secret ${name} is ${days} days old and was never changed.`;
  return warn('secret-age', text, `Make a new one at its system, then: npx gatehouse secret set ${name}`);
}

/** The system that a tool belongs to: what stands before the first dot of its name. */
const systemOf = (tool: string): string => tool.split('.')[0] ?? tool;

/**
 * Whether each system has an account of its own: one that two share can do with either what only one of them needs.
 * @param used secrets with the tools that name each
 */
export function sharedFindings(used: ReadonlyMap<string, readonly string[]>): Finding[] {
  const shared = [...used].flatMap(([secret, tools]) => {
    const systems = [...new Set(tools.map(systemOf))];
    return systems.length > 1 ? [{ secret, systems }] : [];
  });
  if (shared.length === 0) return [ok('accounts', 'No two systems share an account.')];
  return shared.map(({ secret, systems }) => {
    const text = `The tools of ${systems.join(', ')} share the account of ${secret}.`;
    const next = 'Give each system an account of its own that may do only what its tools need.';
    return secret.startsWith('demo/') ? note('accounts', text, next) : warn('accounts', text, next);
  });
}

/** Whether the account of each Vault may do only what its secrets need. A store that does not answer is told elsewhere. */
export function excessFindings(accounts: Awaited<ReturnType<typeof vaultExcess>>): Finding[] {
  const next = 'Give it the policy that npx gatehouse vault policy prints, and no other.';
  return accounts.map((account) => {
    const { store } = account;
    if ('problem' in account)
      return note('vault-accounts', `The store ${store} does not tell what its account may do.`, next);
    const { paths } = account;
    if (paths.length === 0)
      return ok('vault-accounts', `The account of the store ${store} may do only what its secrets need.`);
    const shown = paths.map(({ path, capabilities }) => `${path} (${capabilities.join(', ')})`).join('; ');
    const text = `The account of the store ${store} may do more at its Vault than its secrets need: ${shown}.`;
    return warn('vault-accounts', text, next);
  });
}
