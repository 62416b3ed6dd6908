import type { Pool } from '../db/index.ts';
import { hashToken, newToken } from '../envelope/index.ts';

/** A program that may call the internal API, and what for. */
export interface Client {
  id: string;
  scopes: string[];
}

/** Clients of the internal API: n8n, the CLI, a worker. Each has a token of its own, stored hashed. */
export interface Clients {
  /** Makes the client, or gives it a new token and scopes: the old token stops. @returns the token, shown once */
  issue(id: string, scopes: readonly string[]): Promise<string>;
  /** @returns null for an unknown or revoked token */
  authenticate(token: string): Promise<Client | null>;
  revoke(id: string): Promise<void>;
}

/** A revocation in another process is seen this much later at most. */
const cacheMs = 4000;
const cacheSize = 1000;

export function createClients(options: { pool: Pool }): Clients {
  const { pool } = options;
  const cache = new Map<string, { client: Client; until: number }>();
  return {
    async issue(id, scopes) {
      const token = newToken('gh');
      await pool.query(
        `insert into clients (id, token_hash, scopes) values ($1, $2, $3)
         on conflict (id) do update set token_hash = excluded.token_hash, scopes = excluded.scopes, revoked_at = null`,
        [id, hashToken(token), [...scopes]],
      );
      cache.clear();
      return token;
    },

    async authenticate(token) {
      const known = cache.get(token);
      if (known && known.until > Date.now()) return known.client;
      const { rows } = await pool.query<Client>(
        'select id, scopes from clients where token_hash = $1 and revoked_at is null',
        [hashToken(token)],
      );
      const client = rows[0];
      cache.delete(token);
      if (!client) return null;
      // Only tokens that were good are kept: guesses cannot fill the memory.
      if (cache.size >= cacheSize) cache.clear();
      cache.set(token, { client, until: Date.now() + cacheMs });
      return client;
    },

    async revoke(id) {
      await pool.query('update clients set revoked_at = now() where id = $1 and revoked_at is null', [id]);
      cache.clear();
    },
  };
}
