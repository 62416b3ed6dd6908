import { recordReceipts } from '../audit/index.ts';
import { renderSentence, type Catalogue, type Tool } from '../catalogue/index.ts';
import type { Logger } from '../config/index.ts';
import type { Pool } from '../db/index.ts';
import {
  callDigest,
  checkStep,
  GrantRefused,
  type Decision,
  type Policy,
  type RunContext,
} from '../policy/index.ts';
import type { Leases } from '../vault/index.ts';
import { findAttempt, finishAttempt, startAttempt, type Attempt } from './attempts.ts';
import { runCall } from './run-call.ts';
import { recoverAttempts } from './recover.ts';
import type { Connectors, ExecuteRequest, Execution } from './types.ts';

/** Runs catalogue tools: each call once, with a grant, and with a receipt. */
export interface Tools {
  /**
   * Runs a call, or says why not. The same message, step and arguments get the recorded outcome of the first time.
   * @throws GatehouseError `GH-POLICY-020`, `GH-POLICY-021` for a request that is not a call
   */
  execute(run: RunContext, request: ExecuteRequest): Promise<Execution>;
  /**
   * Settles what a crash left started: run again where that is safe, else `unknown`. Once before traffic is taken, and
   * now and then for attempts whose outcome could not be stored.
   * @param olderThanSeconds leaves younger attempts alone; 0 at the start
   * @returns how many were settled
   */
  recover(olderThanSeconds?: number): Promise<number>;
}

/** What tools are built from. */
export interface ToolsDeps {
  pool: Pool;
  policy: Policy;
  catalogue: Catalogue;
  leases: Leases;
  connectors: Connectors;
  /** The current epoch: what was started in another one is never run again. */
  epoch: { current(): number };
  log: Logger;
}

/** Wires the router. Connectors come from `createConnectors`. */
export function createTools(deps: ToolsDeps): Tools {
  const { pool, policy, catalogue } = deps;
  /** Attempts of this process without an outcome yet, so that a retry waits instead of asking twice. */
  const running = new Map<string, Promise<Execution>>();

  const perform = (
    attempt: Attempt,
    tool: Tool,
    args: Record<string, unknown>,
    run: RunContext,
  ): Promise<Execution> => {
    const work = runCall(deps, { attempt, tool, args, caller: run })
      .then((ending) => finishAttempt(pool, attempt, ending))
      .finally(() => running.delete(attempt.id));
    running.set(attempt.id, work);
    return work;
  };

  const recorded = async (key: Parameters<typeof findAttempt>[1]): Promise<Execution | null> => {
    const found = await findAttempt(pool, key);
    if (found?.state !== 'started') return found?.execution ?? null;
    const work = running.get(found.id);
    return work ? { ...(await work), replayed: true } : found.execution;
  };

  return {
    async execute(run, request) {
      checkStep(request.step);
      const { digest } = callDigest(request.tool, request.args);
      const key = { messageId: run.messageId, step: request.step, digest };
      const before = await recorded(key);
      if (before) return before;

      let grant = request.grant ?? (await unusedGrant(pool, run, request.tool, digest));
      let decision: Decision | null = null;
      if (!grant) {
        decision = await policy.decide(run, { tool: request.tool, args: request.args, step: request.step });
        grant = decision.grant;
      }
      const tool = catalogue.get(request.tool);
      if (!grant || !tool) return decision ? withheld(decision) : denied([unknownTool]);

      const args = request.args as Record<string, unknown>;
      const presented = {
        grant,
        messageId: run.messageId,
        sessionKey: run.sessionKey,
        tool: tool.name,
        digest,
      };
      try {
        if (request.dryRun) {
          const id = await policy.checkGrant(pool, presented);
          return { status: 'dry_run', text: `Dry run: ${renderSentence(tool.sentence, args)}`, decision: id };
        }
        const attempt = await startAttempt(pool, policy, presented, request.step);
        // Two identical calls at once: the other one won, and its outcome is this one's too.
        if (!attempt) return (await recorded(key)) ?? denied([unknownTool]);
        return await perform(attempt, tool, args, run);
      } catch (error) {
        if (!(error instanceof GrantRefused)) throw error;
        // A twin that won the race for the grant under this very step shows as a spent grant.
        const twin = error.reason === 'grant_spent' ? await recorded(key) : null;
        return twin ?? refuse(pool, run, error, { tool: tool.name, digest });
      }
    },
    recover: (olderThanSeconds = 0) => recoverAttempts(deps, olderThanSeconds, (id) => running.has(id)),
  };
}

const unknownTool = { code: 'tool_unknown', text: 'There is no tool of this name.' };

const denied = (reasons: { code: string; text: string }[]): Execution => ({
  status: 'denied',
  reasons,
  text: reasons.map((reason) => reason.text).join(' '),
});

function withheld(decision: Decision): Execution {
  const status = decision.effect === 'deny' ? 'denied' : 'needs_approval';
  return { ...denied(decision.reasons), status, decision: decision.id };
}

/** A refused grant leaves a receipt as well: somebody tried. */
async function refuse(
  pool: Pool,
  run: RunContext,
  error: GrantRefused,
  call: { tool: string; digest: string },
): Promise<Execution> {
  const facts = { ...call, status: 'denied', reasons: [error.reason], principal: run.principal };
  const [receipt] = await recordReceipts(pool, [{ kind: 'outcome', messageId: run.messageId, facts }]);
  return { ...denied([{ code: error.reason, text: error.message }]), receipt };
}

/** The one live grant that this message holds for exactly this call; null where there are none or several. */
async function unusedGrant(
  pool: Pool,
  run: RunContext,
  tool: string,
  digest: string,
): Promise<string | null> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'unused-grant',
    text: `select id from grants where message_id = $1 and consumed_at is null and session_key = $2 and tool = $3
      and digest = $4 and expires_at > now() limit 2`,
    values: [run.messageId, run.sessionKey, tool, digest],
  });
  return rows.length === 1 ? (rows[0]?.id ?? null) : null;
}
