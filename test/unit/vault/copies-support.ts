import { credentialsAt } from '../../../gateway/cli/n8n.ts';
import { n8nApi } from '../../../gateway/cli/n8n-api.ts';
import type { Pool } from '../../../gateway/db/index.ts';
import { syncCopies, type Copy, type Secrets, type Synced } from '../../../gateway/vault/index.ts';
import type { FakeN8nApi } from '../../fixtures/vendors/n8n.ts';

/** One look of `gatehouse n8n sync-credentials`. @param used secrets with the tools that name each */
export async function sync(
  n8n: FakeN8nApi,
  parts: { pool: Pool; secrets: Secrets; copies: Copy[]; used?: ReadonlyMap<string, string[]>; url?: string },
): Promise<Synced[]> {
  const { url = n8n.url, used = new Map<string, string[]>(), ...rest } = parts;
  const api = credentialsAt(n8nApi(url, n8n.key));
  return (await syncCopies({ ...rest, used, n8n: n8n.url, api })).synced;
}

/** `state code` of each. */
export const outcomes = (synced: readonly Synced[]): string[] =>
  synced.map(({ state, error }) => (error ? `${state} ${error.code}` : state));

/** A credential as n8n-credentials.yaml has it, for a login at Postgres. */
export const login = (secret: string, change: Partial<Copy> = {}): Copy => ({
  name: 'Reports',
  type: 'postgres',
  secret,
  lifetime: 86_400_000,
  fields: {
    host: '{host}',
    port: '{port}',
    database: '{database}',
    user: '{username}',
    password: '{password}',
    ssl: 'disable',
  },
  ...change,
});
