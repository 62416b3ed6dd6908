import { openPool } from '../db/index.ts';
import type { ExecutionState } from './types.ts';

const states: Record<string, ExecutionState> = {
  waiting: 'waiting',
  new: 'running',
  running: 'running',
  canceled: 'gone',
};

/**
 * Looks executions up in n8n's own database, read only. n8n's public API would need a key that n8n lets nobody make
 * without a browser.
 * @param url n8n's Postgres
 */
export function n8nExecutions(url: string): {
  state(executionId: string): Promise<ExecutionState>;
  end(): Promise<void>;
} {
  const pool = openPool(url, 1);
  return {
    async state(executionId) {
      if (!/^\d{1,15}$/.test(executionId)) return 'unknown';
      try {
        const { rows } = await pool.query<{ status: string }>(
          'select status from execution_entity where id = $1 and "deletedAt" is null',
          [Number(executionId)],
        );
        return rows[0] ? (states[rows[0].status] ?? 'ended') : 'absent';
      } catch {
        return 'unknown';
      }
    },
    end: () => pool.end(),
  };
}
