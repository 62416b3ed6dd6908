import { join } from 'node:path';
import type { Queryable } from '../db/index.ts';
import { PeopleFileSchema, identityKey, type Identity, type Person } from './people-file.ts';
import { readYamlFile } from './yaml-file.ts';

/** How far a sender is known. `unknown` has no person; the person of a `guest` has the role of that name. */
export type Standing = 'owner' | 'member' | 'paired' | 'guest' | 'unknown';

/** Who a sender is, as far as their identity proves it. */
export interface Resolution {
  person: Person | null;
  standing: Standing;
}

/** The people of this installation and the identities that prove them. */
export interface People {
  /** @returns the person, or undefined for a principal that people.yaml does not name */
  get(principal: string): Person | undefined;
  /** @returns everybody that people.yaml names, in its order */
  list(): Person[];
  /** @returns everybody in at least one of `groups`; nobody for an empty list */
  byGroups(groups: readonly string[]): Person[];
  /** Finds who is behind an immutable id. It is never guessed: no exact identity means `unknown`. */
  resolve(channel: string, account: string, nativeId: string): Promise<Resolution>;
  /** @returns where the person can be reached, from people.yaml and pairings */
  identitiesOf(principal: string): Promise<{ channel: string; account: string; id: string }[]>;
  /** Reads people.yaml again. @throws GatehouseError `GH-SESSIONS-001`; the last good file then stays in use */
  reload(): Promise<void>;
}

interface Directory {
  people: Map<string, Person>;
  identities: Map<string, Person>;
}

const nobody: Resolution = { person: null, standing: 'unknown' };
/** A pairing made or removed by another process is seen this much later at most. */
const pairingCacheMs = 3000;
const pairingCacheSize = 10_000;

/**
 * Loads people.yaml and joins it with the identities that administrators paired.
 * @param options.policiesDir folder of people.yaml
 * @throws GatehouseError `GH-SESSIONS-001` naming file, line and reason
 */
export async function createPeople(options: { pool: Queryable; policiesDir: string }): Promise<People> {
  const { pool } = options;
  const file = join(options.policiesDir, 'people.yaml');
  let directory = index((await readYamlFile(file, PeopleFileSchema)).people);
  const paired = new Map<string, { principal: string | null; until: number }>();

  async function pairedPrincipal(key: string, identity: [string, string, string]): Promise<string | null> {
    const known = paired.get(key);
    if (known && known.until > Date.now()) return known.principal;
    const { rows } = await pool.query<{ principal: string }>(
      'select principal from identities where (channel, account, native_id) = ($1, $2, $3)',
      identity,
    );
    const principal = rows[0]?.principal ?? null;
    if (paired.size >= pairingCacheSize) paired.clear();
    paired.set(key, { principal, until: Date.now() + pairingCacheMs });
    return principal;
  }

  return {
    get: (principal) => directory.people.get(principal),

    list: () => [...directory.people.values()],

    byGroups: (groups) =>
      [...directory.people.values()].filter((person) =>
        person.groups.some((group) => groups.includes(group)),
      ),

    async resolve(channel, account, nativeId) {
      const key = identityKey(channel, account, nativeId);
      const listed = directory.identities.get(key);
      if (listed) return { person: listed, standing: standingOf(listed, 'member') };
      // The web proves a principal by our own sign-in; no pairing can stand in for it.
      if (channel === 'web') return nobody;
      const principal = await pairedPrincipal(key, [channel, account, nativeId]);
      const person = principal === null ? undefined : directory.people.get(principal);
      return person ? { person, standing: standingOf(person, 'paired') } : nobody;
    },

    async identitiesOf(principal) {
      const person = directory.people.get(principal);
      if (!person) return [];
      const { rows } = await pool.query<Identity>(
        'select channel, account, native_id as id from identities where principal = $1 order by paired_at',
        [principal],
      );
      // A paired id that people.yaml meanwhile gives to somebody else is theirs.
      const own = rows.filter(
        (row) => !directory.identities.has(identityKey(row.channel, row.account, row.id)),
      );
      return [...person.identities, ...own];
    },

    async reload() {
      directory = index((await readYamlFile(file, PeopleFileSchema)).people);
      paired.clear();
    },
  };
}

function standingOf(person: Person, otherwise: 'member' | 'paired'): Standing {
  if (person.roles.includes('guest')) return 'guest';
  if (person.roles.includes('owner')) return 'owner';
  return otherwise;
}

function index(people: readonly Person[]): Directory {
  const identities = new Map<string, Person>();
  for (const person of people) {
    for (const identity of person.identities) {
      identities.set(identityKey(identity.channel, identity.account, identity.id), person);
    }
  }
  return { people: new Map(people.map((person) => [person.principal, person])), identities };
}
