import { join } from 'node:path';
import type { Queryable } from '../db/index.ts';
import { linksOf, recordLinks, type Linked } from './identity-links.ts';
import {
  PeopleFileSchema,
  identityKey,
  type Identity,
  type PeopleFile,
  type Person,
  type StandIn,
} from './people-file.ts';
import { readVersioned } from './yaml-file.ts';

/** How far a sender is known. `unknown` has no person; the person of a `guest` has the role of that name. */
export type Standing = 'owner' | 'member' | 'paired' | 'guest' | 'unknown';

/** Who a sender is, as far as their identity proves it. */
export interface Resolution {
  person: Person | null;
  standing: Standing;
}

/** A people.yaml that was read and is not in use yet. */
export interface PeopleDraft {
  /** @returns the person, or undefined for a principal that people.yaml does not name */
  get(principal: string): Person | undefined;
  /** @returns everybody in at least one of `groups`; nobody for an empty list */
  byGroups(groups: readonly string[]): Person[];
  readonly file: PeopleFile;
  readonly version: string;
}

/** The people of this installation and the identities that prove them. */
export interface People {
  /** Digest of people.yaml; part of the policy version. */
  readonly version: string;
  /** @returns the person, or undefined for a principal that people.yaml does not name */
  get(principal: string): Person | undefined;
  /** @returns everybody that people.yaml names, in its order */
  list(): Person[];
  /** @returns everybody in at least one of `groups`; nobody for an empty list */
  byGroups(groups: readonly string[]): Person[];
  /** Finds who is behind an immutable id. It is never guessed: no exact identity means `unknown`. */
  resolve(channel: string, account: string, nativeId: string): Promise<Resolution>;
  /**
   * @param db the open transaction of the caller: one that waited for a second connection could wait for itself
   * @returns where the person can be reached, from people.yaml and pairings, and which of it may vote already
   */
  identitiesOf(principal: string, db?: Queryable): Promise<(Identity & { mayVote: boolean })[]>;
  /** `identitiesOf` of several, by principal. */
  identitiesOfAll(
    principals: readonly string[],
    db: Queryable,
  ): Promise<Map<string, (Identity & { mayVote: boolean })[]>>;
  /** Who holds an identity at this moment, for a vote: never from a cache. @returns null for nobody */
  holder(db: Queryable, identity: Identity): Promise<Linked | null>;
  /** @returns who stands in for whom at `now`; the days of people.yaml are whole days in UTC */
  standIns(now: Date): StandIn[];
  /** Reads people.yaml without using it. @throws GatehouseError `GH-SESSIONS-001` */
  read(): Promise<PeopleDraft>;
  /** Puts a file that was read in use. */
  use(draft: PeopleDraft): Promise<void>;
  /** Reads people.yaml again. @throws GatehouseError `GH-SESSIONS-001`; the last good file then stays in use */
  reload(): Promise<void>;
}

interface Directory {
  people: Map<string, Person>;
  identities: Map<string, Person>;
  byGroups: People['byGroups'];
  standIns: StandIn[];
}

const nobody: Resolution = { person: null, standing: 'unknown' };
/** A pairing made or removed by another process is seen this much later at most. */
const pairingCacheMs = 3000;
const pairingCacheSize = 10_000;

/**
 * Reads people.yaml, and uses it for nothing yet.
 * @throws GatehouseError `GH-SESSIONS-001` naming file, line and reason
 */
export async function readPeople(policiesDir: string): Promise<PeopleDraft> {
  const { data: file, version } = await readVersioned(join(policiesDir, 'people.yaml'), PeopleFileSchema);
  const { people, byGroups } = index(file);
  return { file, version, get: (principal) => people.get(principal), byGroups };
}

/**
 * Loads people.yaml and joins it with the identities that administrators paired.
 * @param options.policiesDir folder of people.yaml
 * @param options.admit asked with its digest before a file is used
 * @throws GatehouseError `GH-SESSIONS-001` naming file, line and reason
 */
export async function createPeople(options: {
  pool: Queryable;
  policiesDir: string;
  admit?: (digest: string) => Promise<void>;
}): Promise<People> {
  const { pool } = options;
  let directory = index({ people: [], standIns: [] });
  let version = '';
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

  const identitiesOfAll: People['identitiesOfAll'] = async (principals, db) => {
    const { rows } = await db.query<Identity & { principal: string; paired: boolean; mayVote: boolean }>(
      `select link.principal, channel, account, native_id as id, votes_from <= clock_timestamp() as "mayVote",
         coalesce(paired.principal = link.principal, false) as paired
       from identity_links link left join identities paired using (channel, account, native_id)
       where link.principal = any($1) order by since`,
      [principals],
    );
    const linked = Map.groupBy(rows, (row) => row.principal);
    return new Map(
      principals.map((principal) => {
        const person = directory.people.get(principal);
        const known = linked.get(principal) ?? [];
        const ripe = new Set(known.filter((row) => row.mayVote).map(keyOf));
        // A paired id that people.yaml meanwhile gives to somebody else is theirs.
        const own = known.filter((row) => row.paired && !directory.identities.has(keyOf(row)));
        const all = person ? [...person.identities, ...own] : [];
        return [
          principal,
          all.map(({ channel, account, id }) => ({
            channel,
            account,
            id,
            mayVote: ripe.has(keyOf({ channel, account, id })),
          })),
        ];
      }),
    );
  };

  const read = (): Promise<PeopleDraft> => readPeople(options.policiesDir);
  const use = async ({ file, version: read }: PeopleDraft): Promise<void> => {
    await options.admit?.(read);
    const next = index(file);
    const { rows } = await pool.query<Identity & { principal: string }>(
      'select channel, account, native_id as id, principal from identities order by paired_at',
    );
    const own = rows.filter((row) => !next.identities.has(keyOf(row)));
    // Before anybody can act by them, so that no identity is in use that is not remembered.
    await recordLinks(pool, [...linksOf(file.people), ...own]);
    directory = next;
    version = read;
    paired.clear();
  };
  await use(await read());

  return {
    get version() {
      return version;
    },

    get: (principal) => directory.people.get(principal),

    list: () => [...directory.people.values()],

    byGroups: (groups) => directory.byGroups(groups),

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

    async identitiesOf(principal, db = pool) {
      return (await identitiesOfAll([principal], db)).get(principal) ?? [];
    },

    identitiesOfAll,

    async holder(db, identity) {
      const listed = directory.identities.get(keyOf(identity))?.principal ?? null;
      const { rows } = await db.query<Linked & { paired: string | null }>(
        `select link.channel, link.account, link.native_id as id, link.principal, link.votes_from as "votesFrom",
           link.votes_from <= clock_timestamp() as "mayVote", paired.principal as paired
         from identity_links link left join identities paired using (channel, account, native_id)
         where (channel, account, native_id) = ($1, $2, $3)`,
        [identity.channel, identity.account, identity.id],
      );
      const row = rows[0];
      const principal = listed ?? (identity.channel === 'web' ? null : (row?.paired ?? null));
      if (!row || row.principal !== principal || !directory.people.has(row.principal)) return null;
      const { paired: _paired, ...link } = row;
      return link;
    },

    standIns(now) {
      const today = now.toISOString().slice(0, 10);
      return directory.standIns.filter((entry) => entry.from <= today && today <= entry.until);
    },

    read,
    use,
    reload: async () => use(await read()),
  };
}

function keyOf({ channel, account, id }: Identity): string {
  return identityKey(channel, account, id);
}

/** Looked up once, because each card asks for it, of a file that may name thousands. Everybody is in the file's order. */
function byGroupsOf(people: readonly Person[]): People['byGroups'] {
  const members = new Map<string, Set<Person>>();
  for (const person of people) {
    for (const group of person.groups) members.set(group, (members.get(group) ?? new Set()).add(person));
  }
  return (groups) => {
    const [first, ...others] = groups;
    if (first === undefined) return [];
    if (others.length === 0) return [...(members.get(first) ?? [])];
    return people.filter((person) => groups.some((group) => members.get(group)?.has(person)));
  };
}

function standingOf(person: Person, otherwise: 'member' | 'paired'): Standing {
  if (person.roles.includes('guest')) return 'guest';
  if (person.roles.includes('owner')) return 'owner';
  return otherwise;
}

function index({ people, standIns }: PeopleFile): Directory {
  const identities = new Map<string, Person>();
  for (const person of people) {
    for (const identity of person.identities) {
      identities.set(identityKey(identity.channel, identity.account, identity.id), person);
    }
  }
  return {
    people: new Map(people.map((person) => [person.principal, person])),
    identities,
    byGroups: byGroupsOf(people),
    standIns,
  };
}
