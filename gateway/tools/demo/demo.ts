import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { SecretStore } from '../../vault/index.ts';

/** The roles of the demo: what each is called after its database, and the secret that holds its URL. */
const roles = { service: 'demo/postgres', reader: 'demo/postgres-reader' } as const;

/**
 * Makes the demo's systems of record: a database of its own, its tables, a service role and one that only reads, whose
 * passwords are made here and kept in the secret store only. Running it again changes nothing; a store that was lost gets
 * new passwords.
 * @param options.adminUrl a role that may create databases and roles on the same Postgres server
 * @param options.database name of the database; its roles are `<database>_service` and `<database>_reader`
 */
export async function prepareDemo(options: {
  adminUrl: string;
  store: SecretStore;
  database?: string;
}): Promise<void> {
  const { adminUrl, store, database = 'gatehouse_demo' } = options;
  const service = await prepareRole(store, roles.service, `${database}_service`);
  const reader = await prepareRole(store, roles.reader, `${database}_reader`);
  await connected(adminUrl, async (client) => {
    for (const role of [service, reader]) {
      await makeRole(client, role);
      // Its standby role has its turn where the secret was rotated, and is gone where the server was made anew since.
      const turn = role.known && new URL(role.known).username;
      if (turn && (await isRole(client, turn))) role.signsInAs = turn;
      else if (turn) await setPassword(client, role);
    }
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${database}`);
    await client.query(`revoke all on database ${database} from public`);
    await client.query(`grant connect on database ${database} to ${service.name}, ${reader.name}`);
    await client.query(`alter role ${reader.name} set default_transaction_read_only = on`);
  });
  const demoUrl = new URL(adminUrl);
  demoUrl.pathname = `/${database}`;
  const schema = await readFile(join(import.meta.dirname, 'schema.sql'), 'utf8');
  await connected(demoUrl.href, async (client) => {
    await client.query(schema);
    // The service may read, pay, mark customers as deleted and note something about them, change prices and send mail.
    // It owns nothing and removes nothing. The reader reads.
    await client.query(`revoke all on all tables in schema public from ${service.name}, ${reader.name};
      grant usage on schema public to ${service.name}, ${reader.name};
      grant select, insert, update (idempotency_key) on ledger to ${service.name};
      grant select, update (deleted_at) on customers to ${service.name};
      grant select, insert, update (idempotency_key) on customer_notes to ${service.name};
      grant select, update (price) on prices to ${service.name};
      grant select, insert on outbox to ${service.name};
      grant select on ledger, customers, customer_notes, prices, outbox to ${reader.name}`);
  });
  for (const { signsInAs, password, secret, known } of [service, reader]) {
    const url = new URL(demoUrl);
    url.username = signsInAs;
    url.password = password;
    if (known !== url.href) await store.set(secret, url.href);
  }
}

interface Role {
  name: string;
  password: string;
  secret: string;
  /** The URL that the store has. */
  known: string | undefined;
  /** The role itself, or the one that stands in for it. */
  signsInAs: string;
}

async function prepareRole(store: SecretStore, secret: string, name: string): Promise<Role> {
  const known = await store.get(secret);
  const password = known === undefined ? randomBytes(24).toString('base64url') : new URL(known).password;
  return { name, password, secret, known, signsInAs: name };
}

async function makeRole(client: pg.Client, role: Role): Promise<void> {
  const isNew = !(await isRole(client, role.name));
  if (isNew) await client.query(`create role ${role.name} login nosuperuser nocreatedb nocreaterole`);
  if (isNew || role.known === undefined) await setPassword(client, role);
}

async function setPassword(client: pg.Client, { name, password }: Role): Promise<void> {
  await client.query(`alter role ${name} password ${client.escapeLiteral(password)}`);
}

async function isRole(client: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [name]);
  return rowCount !== 0;
}

async function connected(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
