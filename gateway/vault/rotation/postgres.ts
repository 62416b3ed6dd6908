import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { cannotRotate, notTaken } from './failures.ts';
import type { Rotator } from './rotator.ts';
import { scramVerifier } from './scram.ts';

const suffix = '_standby';
const connectMs = 5000;

/** The role that takes turns with this one. */
export const partnerOf = (role: string): string =>
  role.endsWith(suffix) ? role.slice(0, -suffix.length) : `${role}${suffix}`;

const roleOf = (url: string): string => decodeURIComponent(new URL(url).username);

interface Attributes {
  special: boolean;
  rolconnlimit: number;
}

/**
 * Two roles that take turns, so that the former password is good while the overlap lasts: the one of the URL, which holds the
 * grants, and `<role>_standby`, a member of it, which is made at the first turn.
 * @param admin the URL of a role that may create roles; it is read at each use
 */
export function postgresRotator(admin: () => Promise<string>): Rotator {
  return {
    make(current) {
      const url = parsed(current);
      const role = partnerOf(roleOf(current));
      if (Buffer.byteLength(role) > 63)
        throw cannotRotate('The name of the role is too long for a second one.');
      url.username = role;
      url.password = randomBytes(24).toString('base64url');
      return url.href;
    },
    activate: async (next) =>
      connected(await admin(), async (client) => {
        const role = roleOf(next);
        const base = role.endsWith(suffix) ? partnerOf(role) : role;
        await client.query('begin');
        const { special, rolconnlimit } = await attributesOf(client, base);
        if (special)
          throw cannotRotate(
            `The role ${base} may more than grants say, which its second role would not inherit.`,
            'Take superuser, createdb, createrole, replication and bypassrls from it.',
          );
        if (role !== base) await standIn(client, base, role);
        const password = client.escapeLiteral(scramVerifier(decodeURIComponent(new URL(next).password)));
        // The server's log may hold statements: it gets what a password is checked with, never the password.
        await client.query(
          `alter role ${client.escapeIdentifier(role)} login password ${password} connection limit ${rolconnlimit}`,
        );
        await client.query('commit');
      }),
    prove: (next) =>
      connected(next, async (client) => {
        const { rows } = await client.query<{ role: string }>('select session_user as role');
        if (rows[0]?.role !== roleOf(next)) throw notTaken('another role answered');
      }),
    async retire({ former, current }) {
      const now = roleOf(current);
      const role = former === undefined ? partnerOf(now) : roleOf(former);
      // Somebody may have set the former one again meanwhile.
      if (role === now) return undefined;
      await connected(await admin(), (client) =>
        client.query(`alter role ${client.escapeIdentifier(role)} nologin password null`),
      );
      return undefined;
    },
  };
}

async function attributesOf(client: pg.Client, role: string): Promise<Attributes> {
  const { rows } = await client.query<Attributes>(
    `select rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls as special, rolconnlimit
     from pg_roles where rolname = $1`,
    [role],
  );
  if (rows[0]) return rows[0];
  throw cannotRotate(`The role ${role} does not exist.`, 'Set the secret to the URL of a role that does.');
}

/** Makes the second role, or brings its settings up to date: they are not inherited. */
async function standIn(client: pg.Client, base: string, role: string): Promise<void> {
  const [one, other] = [client.escapeIdentifier(base), client.escapeIdentifier(role)];
  const { rows } = await client.query<{ member: boolean }>(
    `select pg_has_role(oid, $2::name, 'member') as member from pg_roles where rolname = $1`,
    [role, base],
  );
  if (!rows[0]) {
    await client.query(`create role ${other} nologin inherit`);
    await client.query(`grant ${one} to ${other}`);
  } else if (!rows[0].member) {
    throw cannotRotate(`The role ${role} is there already, and is no member of ${base}.`, 'Rename it.');
  }
  const settings = await client.query<{ name: string; value: string; database: string | null }>(
    `select split_part(entry, '=', 1) as name, substr(entry, strpos(entry, '=') + 1) as value, datname as database
     from pg_db_role_setting s cross join unnest(setconfig) as entry left join pg_database d on d.oid = s.setdatabase
     where setrole = $1::regrole`,
    [one],
  );
  for (const { name, value, database } of settings.rows) {
    const within = database === null ? '' : ` in database ${client.escapeIdentifier(database)}`;
    // `from current` writes lists such as search_path as lists.
    await client.query('select set_config($1, $2, true)', [name, value]);
    await client.query(`alter role ${other}${within} set ${client.escapeIdentifier(name)} from current`);
  }
}

/** Only the code of a driver's error goes on: its text may quote what it was given. */
async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectMs,
    query_timeout: 10_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await work(client);
  } catch (error) {
    const { code } = error as { code?: string };
    throw code?.startsWith('GH-') ? error : notTaken(code ?? 'no answer');
  } finally {
    await client.end().catch(() => undefined);
  }
}

function parsed(value: string): URL {
  const url = URL.parse(value);
  if (url && /^postgres(ql)?:$/.test(url.protocol) && url.username !== '') return url;
  throw cannotRotate(
    'The secret is no URL of a Postgres role.',
    'Set it as postgres://role:password@host/database.',
  );
}
