import type { Logger } from '../../config/index.ts';
import type { Pool } from '../../db/index.ts';
import type { Secrets } from '../stores/open.ts';

/**
 * The sessions at Vaults that processes of this installation have opened. Whatever a session lent ends with it, so that
 * ending the sessions of processes that died leaves nobody's database user behind, also not one that was made in the very
 * moment of the crash.
 */
export interface VaultSessions {
  /** Notes a session before it is used. An accessor ends a session; it cannot be used as its token. */
  remember: (store: string, accessor: string) => Promise<void>;
  /**
   * Ends the sessions of processes that are gone, and forgets those that ended by themselves.
   * @returns how many were ended
   */
  sweep(secrets: Pick<Secrets, 'revokeSession'>): Promise<number>;
}

/** Longer than any session lives that nobody renews (Vault's default is 32 days). */
const forgottenAfter = '40 days';

/** @param pool whose connections are called after this process; it counts as alive for as long as it has one */
export function createVaultSessions(pool: Pool, log: Pick<Logger, 'info'>): VaultSessions {
  return {
    async remember(store, accessor) {
      await pool.query(
        `insert into vault_sessions (accessor, store, owner) values ($1, $2, current_setting('application_name'))`,
        [accessor, store],
      );
    },
    async sweep(secrets) {
      const { rows } = await pool.query<{ accessor: string; store: string }>(
        `select accessor, store from vault_sessions s
         where not exists (select 1 from pg_stat_activity p
           where p.datname = current_database() and p.application_name = s.owner)`,
      );
      let ended = 0;
      for (const session of rows) {
        if (!(await secrets.revokeSession(session))) continue;
        await pool.query('delete from vault_sessions where accessor = $1', [session.accessor]);
        ended += 1;
      }
      await pool.query('delete from vault_sessions where opened_at < now() - $1::interval', [forgottenAfter]);
      if (ended > 0) log.info({ sessions: ended }, 'ended sessions that a crash left at secret stores');
      return ended;
    },
  };
}
