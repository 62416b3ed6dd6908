import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { GatehouseError } from '../config/index.ts';

const Session = z.strictObject({
  url: z.string(),
  token: z.string(),
  principal: z.string(),
  display: z.string(),
  expiresAt: z.string(),
});

/** For whom this terminal acts, and at which gateway. */
export type TerminalSession = z.output<typeof Session>;

/** Where the session is kept: with the settings of whoever uses the terminal, not with the data of an installation. */
function file(environment: NodeJS.ProcessEnv = process.env): string {
  const folder = environment.XDG_CONFIG_HOME || join(environment.HOME || homedir(), '.config');
  return join(folder, 'gatehouse', 'session.json');
}

/** Keeps a session where only its owner reads it. @returns the file */
export async function keepSession(session: TerminalSession): Promise<string> {
  const path = file();
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // A file that is there keeps its mode, whatever is written into it.
  await rm(path, { force: true });
  await writeFile(path, `${JSON.stringify(session)}\n`, { mode: 0o600, flag: 'wx' });
  return path;
}

/**
 * The session that is kept, or null.
 * @throws GatehouseError `GH-CLI-411` for a file that others can read
 */
export async function keptSession(): Promise<TerminalSession | null> {
  const path = file();
  const found = await stat(path).catch(() => null);
  if (!found) return null;
  if (process.platform !== 'win32' && (found.mode & 0o077) !== 0) {
    throw new GatehouseError('GH-CLI-411', `Others can read ${path}, so it is not used.`, {
      next: 'Sign out and in again: npx gatehouse logout, npx gatehouse login.',
    });
  }
  try {
    return Session.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return null;
  }
}

/** Forgets the session that is kept. */
export async function forgetSession(): Promise<void> {
  await rm(file(), { force: true });
}

/**
 * The gateway's address without a slash at its end.
 * @throws GatehouseError `GH-CLI-412` for one over which a session could be read on its way
 */
export function gatewayUrl(given: string): string {
  const url = URL.parse(given);
  const own = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url && (url.protocol === 'https:' || (own && url.protocol === 'http:'))) return url.origin;
  throw new GatehouseError('GH-CLI-412', 'The address of the gateway has to begin with https://.', {
    next: 'Name the address of the approvals page: gatehouse login --url https://…',
  });
}

/**
 * Asks the gateway.
 * @returns its status and JSON; null for an answer without one
 * @throws GatehouseError `GH-CLI-413` where it does not answer
 */
export async function request(
  url: string,
  { token, form, body }: { token?: string; form?: Record<string, string>; body?: unknown } = {},
): Promise<{ status: number; json: unknown }> {
  try {
    const answer = await fetch(url, {
      method: form || body !== undefined ? 'POST' : 'GET',
      // What answers in its place gets no token.
      redirect: 'error',
      signal: AbortSignal.timeout(20_000),
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: form ? new URLSearchParams(form) : body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, json: text === '' ? null : (JSON.parse(text) as unknown) };
  } catch (cause) {
    throw new GatehouseError('GH-CLI-413', `${new URL(url).origin} does not answer as a gateway does.`, {
      status: 503,
      cause,
      next: 'Look whether it runs, and whether the address is right: gatehouse login --url …',
    });
  }
}

const Problem = z.looseObject({ code: z.string(), detail: z.string(), next: z.string().optional() });

/** What the gateway said in place of an answer. */
export function refusalOf({ status, json }: { status: number; json: unknown }): GatehouseError {
  const problem = Problem.safeParse(json);
  if (!problem.success)
    return new GatehouseError('GH-CLI-413', `The gateway answered ${status}.`, { status });
  const { code, detail, next } = problem.data;
  return new GatehouseError(code, detail, { status, ...(next === undefined ? {} : { next }) });
}
