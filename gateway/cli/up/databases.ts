import pg from 'pg';

/** A login role and the database that it owns; no other role may connect to it. */
export interface OwnedDatabase {
  role: string;
  password: string;
  database: string;
}

/**
 * Makes each role and database that is missing, sets each role's password to the given one and closes the database to
 * all others.
 * @param url a superuser's connection
 */
export async function ensureDatabases(url: string, wanted: OwnedDatabase[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const { role, password, database } of wanted) {
      const name = client.escapeIdentifier(role);
      const { rowCount: roles } = await client.query('select 1 from pg_roles where rolname = $1', [role]);
      if (!roles) await client.query(`create role ${name} login`);
      await client.query(`alter role ${name} password ${client.escapeLiteral(password)}`);
      const { rowCount: databases } = await client.query('select 1 from pg_database where datname = $1', [
        database,
      ]);
      if (!databases)
        await client.query(`create database ${client.escapeIdentifier(database)} owner ${name}`);
      // At every start: one that was killed after the line above left the database open to every role.
      await client.query(`revoke all on database ${client.escapeIdentifier(database)} from public`);
    }
  } finally {
    await client.end();
  }
}
