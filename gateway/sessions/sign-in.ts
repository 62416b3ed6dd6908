import { recordReceipts } from '../audit/index.ts';
import type { Pool } from '../db/index.ts';
import { transaction } from '../db/index.ts';
import { GatehouseError } from '../config/index.ts';
import { hashToken, newToken } from '../envelope/index.ts';

/** What a signed-in browser holds. `session` goes into a cookie, `csrf` into the page's forms. */
export interface WebSession {
  session: string;
  csrf: string;
  principal: string;
}

/** Sign-in of the web pages: a login link is exchanged for a session. Only hashes of tokens are stored. */
export interface SignIn {
  /**
   * @param ttlSeconds how long the link works
   * @param options.reusable the link works again until it expires; demo accounts only
   * @param options.invitedBy the administrator who invites the person to add their first second factor
   * @returns the token of the link
   * @throws GatehouseError `GH-SESSIONS-005` for a reusable link outside the demo
   */
  issueLogin(
    principal: string,
    ttlSeconds: number,
    options?: { reusable?: boolean; invitedBy?: string },
  ): Promise<string>;
  /** Exchanges a login token for a session. @returns null for an unknown, used or expired one */
  redeem(token: string): Promise<WebSession | null>;
  session(token: string): Promise<{ principal: string; csrf: string } | null>;
  /** How well a session stands for its person, by Postgres's clock; one that is over stands for nobody. */
  standing(token: string): Promise<{ fresh: boolean; proven: boolean; invited: boolean }>;
  /** Notes that the person of a session proved a second factor. */
  proved(token: string): Promise<void>;
  /**
   * Replaces a session's token, which stays valid for a minute for requests that are under way. The absolute end of
   * the session does not move.
   * @returns null when the session is over, or its token was replaced already
   */
  rotate(token: string): Promise<WebSession | null>;
  end(token: string): Promise<void>;
}

const sessionLifetime = '12 hours';
const rotationGrace = '60 seconds';
/** How long a sign-in, or the proof of a second factor, is recent enough to change factors. */
const recent = '10 minutes';

/** @param options.demo whether reusable login links may be issued and redeemed */
export function createSignIn(options: { pool: Pool; demo?: boolean }): SignIn {
  const { pool, demo = false } = options;
  return {
    async issueLogin(principal, ttlSeconds, { reusable = false, invitedBy } = {}) {
      if (reusable && !demo) {
        throw new GatehouseError('GH-SESSIONS-005', 'A reusable login link is for demo accounts only.', {
          status: 403,
        });
      }
      const token = newToken('login');
      const invites = invitedBy !== undefined && !reusable;
      await transaction(pool, async (tx) => {
        await tx.query(
          `insert into web_logins (token_hash, principal, reusable, invites, expires_at)
           values ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
          [hashToken(token), principal, reusable, invites, ttlSeconds],
        );
        if (invites) {
          recordReceipts(tx, [{ kind: 'factor', facts: { state: 'invited', principal, by: invitedBy } }]);
        }
      });
      return token;
    },

    async redeem(token) {
      return transaction(pool, async (tx) => {
        // The row lock makes two redemptions at once one success.
        const { rows } = await tx.query<{ principal: string; reusable: boolean; invites: boolean }>(
          'select principal, reusable, invites from web_logins where token_hash = $1 and expires_at > now() for update',
          [hashToken(token)],
        );
        const login = rows[0];
        if (!login || (login.reusable && !demo)) return null;
        if (!login.reusable)
          await tx.query('delete from web_logins where token_hash = $1', [hashToken(token)]);
        await tx.query('delete from web_logins where expires_at <= now()');
        await tx.query('delete from web_sessions where expires_at <= now()');
        const fresh = { session: newToken('sess'), csrf: newToken('csrf'), principal: login.principal };
        await tx.query(
          `insert into web_sessions (token_hash, principal, csrf, invited, expires_at)
           values ($1, $2, $3, $4, now() + $5::interval)`,
          [hashToken(fresh.session), fresh.principal, fresh.csrf, login.invites, sessionLifetime],
        );
        return fresh;
      });
    },

    async session(token) {
      const { rows } = await pool.query<{ principal: string; csrf: string }>({
        name: 'web-session',
        text: 'select principal, csrf from web_sessions where token_hash = $1 and expires_at > now()',
        values: [hashToken(token)],
      });
      return rows[0] ?? null;
    },

    async standing(token) {
      const { rows } = await pool.query<{ fresh: boolean; proven: boolean; invited: boolean }>(
        `select created_at > clock_timestamp() - $2::interval as fresh, invited,
           coalesce(proven_at > clock_timestamp() - $2::interval, false) as proven
         from web_sessions where token_hash = $1 and expires_at > now()`,
        [hashToken(token), recent],
      );
      return rows[0] ?? { fresh: false, proven: false, invited: false };
    },

    async proved(token) {
      await pool.query('update web_sessions set proven_at = clock_timestamp() where token_hash = $1', [
        hashToken(token),
      ]);
    },

    async rotate(token) {
      const session = newToken('sess');
      const { rows } = await pool.query<{ principal: string; csrf: string }>(
        `with old as (
           select principal, csrf, expires_at, created_at, invited, proven_at from web_sessions
           where token_hash = $1 and expires_at > now() and not rotated for update
         ), fresh as (
           insert into web_sessions (token_hash, principal, csrf, expires_at, created_at, invited, proven_at)
           select $2, principal, csrf, expires_at, created_at, invited, proven_at from old returning principal, csrf
         ), retired as (
           update web_sessions set rotated = true, expires_at = least(expires_at, now() + $3::interval)
           where token_hash = $1 and exists (select from old)
         )
         select principal, csrf from fresh`,
        [hashToken(token), hashToken(session), rotationGrace],
      );
      return rows[0] ? { session, ...rows[0] } : null;
    },

    async end(token) {
      await pool.query(
        // All tokens of one sign-in share their csrf value: signing out ends the rotated ones too.
        'delete from web_sessions where csrf = (select csrf from web_sessions where token_hash = $1)',
        [hashToken(token)],
      );
    },
  };
}
