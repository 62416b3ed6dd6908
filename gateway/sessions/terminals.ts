import { randomInt } from 'node:crypto';
import { recordReceipts } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Pool, type Transaction } from '../db/index.ts';
import { hashToken, newToken } from '../envelope/index.ts';

/** What a terminal says of itself; nothing of it is proven. */
export interface TerminalName {
  host: string;
  account: string;
}

/** A terminal that is signed in. */
export interface Terminal extends TerminalName {
  id: string;
  since: Date;
  expiresAt: Date;
}

/** What became of a sign-in that a terminal waits for. */
export type Collected =
  | { state: 'waiting' | 'slow' | 'refused' | 'expired' }
  | { state: 'confirmed'; token: string; principal: string; seconds: number };

/** Sign-in of terminals by the device flow of RFC 8628: a code that a signed-in person types into their browser. */
export interface Terminals {
  /** Seconds between two looks of a terminal that waits. */
  readonly interval: number;
  /**
   * Begins a sign-in.
   * @param address whence it is asked for
   * @throws GatehouseError 429 `GH-SESSIONS-011` where too many wait
   */
  begin(
    name: TerminalName,
    address: string,
  ): Promise<{ deviceCode: string; userCode: string; seconds: number }>;
  /**
   * Which terminal has this code.
   * @returns null for a code that is wrong, used or has run out; each counts as a guess of this person
   * @throws GatehouseError 429 `GH-SESSIONS-012` after five guesses in ten minutes
   */
  question(code: string, principal: string): Promise<(TerminalName & { since: Date }) | null>;
  /** Lets the terminal with this code act for a person, or refuses it; once. @returns, and throws, as `question` */
  answer(code: string, principal: string, yes: boolean): Promise<TerminalName | null>;
  /** Hands the session over, once, to the terminal that holds the device code. */
  collect(deviceCode: string): Promise<Collected>;
  /** For whom a terminal acts, or null. */
  session(token: string): Promise<string | null>;
  /** The terminals that act for a person. */
  list(principal: string): Promise<Terminal[]>;
  /** Ends a session from the terminal itself, or one of their own by its person. */
  end(which: { token: string } | { id: string; principal: string }): Promise<void>;
}

// RFC 8628, 6.1: no vowels, so that no words come about, and nothing that is read as a digit.
const letters = 'BCDFGHJKLMNPQRSTVWXZ';
const codeLength = 8;
const codeSeconds = 600;
const sessionSeconds = 12 * 3600;
/** Sign-ins that may wait at once, from one address and in all. */
const most = { address: 20, all: 500 };
const mostGuesses = 5;
const longestName = 64;

/** @param options.interval seconds, so that a test need not wait */
export function createTerminals({ pool, interval = 5 }: { pool: Pool; interval?: number }): Terminals {
  return {
    interval,
    begin: (name, address) => transaction(pool, (tx) => begin(tx, name, address)),
    question: (code, principal) =>
      transaction(pool, async (tx) => {
        const found = await ask(
          tx,
          code,
          principal,
          `select host, account, created_at as since from terminal_logins
           where code_hash = $1 and state = 'waiting' and expires_at > clock_timestamp()`,
        );
        return found as (TerminalName & { since: Date }) | null;
      }),
    answer: (code, principal, yes) =>
      transaction(pool, async (tx) => {
        const state = yes ? 'confirmed' : 'refused';
        const found = await ask(
          tx,
          code,
          principal,
          `update terminal_logins set state = $2, principal = $3
           where code_hash = $1 and state = 'waiting' and expires_at > clock_timestamp() returning host, account`,
          [state, principal],
        );
        if (found) recordReceipts(tx, [{ kind: 'terminal', facts: { state, principal } }]);
        return found;
      }),
    collect: (deviceCode) => transaction(pool, (tx) => collect(tx, deviceCode, interval)),
    async session(token) {
      const { rows } = await pool.query<{ principal: string }>(
        'select principal from terminal_sessions where token_hash = $1 and expires_at > clock_timestamp()',
        [hashToken(token)],
      );
      return rows[0]?.principal ?? null;
    },
    async list(principal) {
      const { rows } = await pool.query<Terminal>(
        `select id, host, account, created_at as since, expires_at as "expiresAt" from terminal_sessions
         where principal = $1 and expires_at > clock_timestamp() order by created_at desc`,
        [principal],
      );
      return rows;
    },
    async end(which) {
      await ('token' in which
        ? pool.query('delete from terminal_sessions where token_hash = $1', [hashToken(which.token)])
        : pool.query('delete from terminal_sessions where id::text = $1 and principal = $2', [
            which.id,
            which.principal,
          ]));
    },
  };
}

async function begin(
  tx: Transaction,
  { host, account }: TerminalName,
  address: string,
): Promise<{ deviceCode: string; userCode: string; seconds: number }> {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended('terminal logins', 0))`);
  await tx.query('delete from terminal_logins where expires_at <= clock_timestamp()');
  await tx.query('delete from terminal_sessions where expires_at <= clock_timestamp()');
  const { rows } = await tx.query<{ here: number; all: number }>(
    'select count(*) filter (where address = $1) as here, count(*) as all from terminal_logins',
    [address],
  );
  if ((rows[0]?.here ?? 0) >= most.address || (rows[0]?.all ?? 0) >= most.all) {
    throw new GatehouseError('GH-SESSIONS-011', 'Too many terminals wait to be signed in.', {
      status: 429,
      retryAfter: 60,
      next: 'Try again in a few minutes.',
    });
  }
  const code = Array.from({ length: codeLength }, () => letters[randomInt(letters.length)]).join('');
  const deviceCode = newToken('device');
  await tx.query(
    `insert into terminal_logins (device_hash, code_hash, host, account, address, expires_at)
     values ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 s')`,
    [hashToken(deviceCode), hashToken(code), named(host), named(account), address, codeSeconds],
  );
  return { deviceCode, userCode: `${code.slice(0, 4)}-${code.slice(4)}`, seconds: codeSeconds };
}

/**
 * Runs a statement over the sign-in with this code. Codes are found by their hash, so that the time of an answer says
 * nothing about how much of a code was right; and who guesses is stopped after a few.
 */
async function ask(
  tx: Transaction,
  code: string,
  principal: string,
  statement: string,
  more: string[] = [],
): Promise<TerminalName | null> {
  // Guesses at once are counted one after the other.
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`terminal guesses/${principal}`]);
  const window = `clock_timestamp() - ${codeSeconds} * interval '1 s'`;
  await tx.query(`delete from terminal_guesses where at <= ${window}`);
  const guesses = await tx.query('select 1 from terminal_guesses where principal = $1', [principal]);
  if ((guesses.rowCount ?? 0) >= mostGuesses) {
    throw new GatehouseError('GH-SESSIONS-012', 'Too many codes that nobody has were typed.', {
      status: 429,
      retryAfter: codeSeconds,
      next: 'Wait ten minutes, then start again in the terminal.',
    });
  }
  const typed = code.toUpperCase().replace(/[^A-Z]/g, '');
  const { rows } = await tx.query<TerminalName>(statement, [hashToken(typed), ...more]);
  if (!rows[0]) await tx.query('insert into terminal_guesses (principal) values ($1)', [principal]);
  return rows[0] ?? null;
}

async function collect(tx: Transaction, deviceCode: string, interval: number): Promise<Collected> {
  const device = hashToken(deviceCode);
  const { rows } = await tx.query<{
    state: 'waiting' | 'confirmed' | 'refused';
    principal: string | null;
    host: string;
    account: string;
    slow: boolean;
  }>(
    `select state, principal, host, account,
       coalesce(polled_at > clock_timestamp() - $2 * interval '0.9 s', false) as slow
     from terminal_logins where device_hash = $1 and expires_at > clock_timestamp() for update`,
    [device, interval],
  );
  const [login] = rows;
  if (!login) return { state: 'expired' };
  if (login.state === 'waiting' || login.principal === null) {
    await tx.query('update terminal_logins set polled_at = clock_timestamp() where device_hash = $1', [
      device,
    ]);
    return { state: login.slow ? 'slow' : 'waiting' };
  }
  await tx.query('delete from terminal_logins where device_hash = $1', [device]);
  if (login.state === 'refused') return { state: 'refused' };
  const { principal, host, account } = login;
  const token = newToken('term');
  await tx.query(
    `insert into terminal_sessions (token_hash, principal, host, account, expires_at)
     values ($1, $2, $3, $4, clock_timestamp() + $5 * interval '1 s')`,
    [hashToken(token), principal, host, account, sessionSeconds],
  );
  return { state: 'confirmed', token, principal, seconds: sessionSeconds };
}

/** What a terminal calls itself, without what would change how the page around it reads. */
function named(text: string): string {
  const clean = text
    .toWellFormed()
    .replace(/[^\p{L}\p{N} ._@-]/gu, '?')
    .slice(0, longestName)
    .trim();
  return clean === '' ? '?' : clean;
}
