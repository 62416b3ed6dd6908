import { Router } from 'express';
import type { Pool } from '../db/index.ts';

/** State of one dependency: `ok`, `warn` (works, look at it) or `down`. */
export interface Check {
  state: 'ok' | 'warn' | 'down';
  text?: string;
}

/** Named checks that `/readyz` runs at each call; each must answer by itself within its own time limit. */
export type Checks = Record<string, () => Promise<Check> | Check>;

/** The check of Postgres itself. */
export function databaseCheck(pool: Pool): () => Promise<Check> {
  return async () => {
    try {
      await pool.query('select 1');
      return { state: 'ok' };
    } catch {
      return { state: 'down', text: 'Postgres does not answer; nothing is acknowledged until it does.' };
    }
  };
}

/** Runs every check at once. One that does not answer in time, or fails itself, counts as down. */
export async function runChecks(checks: Checks): Promise<Record<string, Check>> {
  const entries = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      const late = new Promise<Check>((resolve) => {
        setTimeout(resolve, 3000, { state: 'down', text: 'no answer within 3 seconds' }).unref();
      });
      const result = await Promise.race([Promise.resolve(check()), late]).catch((): Check => ({
        state: 'down',
        text: 'the check itself failed',
      }));
      return [name, result] as const;
    }),
  );
  return Object.fromEntries(entries);
}

/**
 * `GET /healthz` (the process is alive) and `GET /readyz` (each dependency by name; 503 when one is down).
 * @param options.reasons whether the checks' texts are told; they name files and what is wrong in them
 */
export function healthRoutes(checks: Checks, options: { reasons: boolean }): Router {
  const router = Router();
  router.get('/healthz', (_request, response) => {
    response.json({ status: 'alive' });
  });
  router.get('/readyz', async (_request, response) => {
    const entries = Object.entries(await runChecks(checks)).map(
      ([name, check]) => [name, options.reasons ? check : { state: check.state }] as const,
    );
    const ready = entries.every(([, check]) => check.state !== 'down');
    response
      .status(ready ? 200 : 503)
      .json({ status: ready ? 'ready' : 'not ready', checks: Object.fromEntries(entries) });
  });
  return router;
}
