import { LimitsSchema, RunResultSchema, unavailable, type RunRequest, type RunResult } from './contract.ts';

/** The gateway's side of the sandbox. */
export interface Sandbox {
  /** Runs a snippet in a container of its own. Never throws, and never runs it anywhere else. */
  run(job: RunRequest, signal?: AbortSignal): Promise<RunResult>;
}

/** What Docker may need besides the run itself: a queue of others, a container to make and to remove. */
const overheadMs = 60_000;

/**
 * @param runnerUrl base URL of `gatehouse runner`; without it every run is answered `sandbox_unavailable`
 * @param token the runner's token
 */
export function createSandbox(options: {
  runnerUrl: string | undefined;
  token: string | undefined;
}): Sandbox {
  const { runnerUrl, token } = options;
  if (runnerUrl === undefined || token === undefined) {
    return { run: () => Promise.resolve(unavailable('no_runner', 'No sandbox runner is configured.')) };
  }
  return {
    async run(job, signal) {
      const limit = AbortSignal.timeout(LimitsSchema.parse(job.limits ?? {}).timeoutMs + overheadMs);
      let response: Response;
      let body: unknown;
      try {
        response = await fetch(new URL('/runs', runnerUrl), {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
          body: JSON.stringify(job),
          redirect: 'error',
          signal: signal ? AbortSignal.any([signal, limit]) : limit,
        });
        body = await response.json();
      } catch {
        return unavailable('runner_unreachable', 'The sandbox runner does not answer.');
      }
      const result = RunResultSchema.safeParse(body);
      if (response.ok && result.success) return result.data;
      const detail = (body as { detail?: unknown } | null)?.detail;
      if (response.status === 400 && typeof detail === 'string') {
        return { ...unavailable('bad_request', detail), status: 'error' };
      }
      return unavailable('runner_refused', `The sandbox runner refused the call (HTTP ${response.status}).`);
    },
  };
}
