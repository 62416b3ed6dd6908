import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { SecretStore } from '../../vault/index.ts';

const secret = 'demo/postgres';

/**
 * Makes the demo's systems of record: a database of its own, its tables, and a service role whose password is made
 * here and kept in the secret store only. Running it again changes nothing; a store that was lost gets a new password.
 * @param options.adminUrl a role that may create databases and roles on the same Postgres server
 * @param options.database name of the database; its role is `<database>_service`
 */
export async function prepareDemo(options: {
  adminUrl: string;
  store: SecretStore;
  database?: string;
}): Promise<void> {
  const { adminUrl, store, database = 'gatehouse_demo' } = options;
  const role = `${database}_service`;
  const known = await store.get(secret);
  const password = known === undefined ? randomBytes(24).toString('base64url') : null;
  await connected(adminUrl, async (client) => {
    const { rows } = await client.query<{ database: boolean; role: boolean }>(
      `select exists (select from pg_database where datname = $1) as database,
              exists (select from pg_roles where rolname = $2) as role`,
      [database, role],
    );
    if (!rows[0]?.role) await client.query(`create role ${role} login nosuperuser nocreatedb nocreaterole`);
    // The password is our own base64url, so it can stand in a statement that takes no parameters.
    const secretPassword = password ?? new URL(known ?? '').password;
    if (password !== null || !rows[0]?.role) {
      await client.query(`alter role ${role} password ${client.escapeLiteral(secretPassword)}`);
    }
    if (!rows[0]?.database) await client.query(`create database ${database}`);
    await client.query(`revoke all on database ${database} from public`);
    await client.query(`grant connect on database ${database} to ${role}`);
  });
  const demoUrl = new URL(adminUrl);
  demoUrl.pathname = `/${database}`;
  const schema = await readFile(join(import.meta.dirname, 'schema.sql'), 'utf8');
  await connected(demoUrl.href, async (client) => {
    await client.query(schema);
    // The service may read, pay, mark customers as deleted and note something about them, change prices and send mail.
    // It owns nothing and removes nothing.
    await client.query(`revoke all on all tables in schema public from ${role};
      grant usage on schema public to ${role};
      grant select, insert, update (idempotency_key) on ledger to ${role};
      grant select, update (deleted_at) on customers to ${role};
      grant select, insert, update (idempotency_key) on customer_notes to ${role};
      grant select, update (price) on prices to ${role};
      grant select, insert on outbox to ${role}`);
  });

  const serviceUrl = new URL(demoUrl);
  serviceUrl.username = role;
  serviceUrl.password = password ?? new URL(known ?? '').password;
  if (known !== serviceUrl.href) await store.set(secret, serviceUrl.href);
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
