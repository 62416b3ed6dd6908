import { recordReceipts } from '../audit/index.ts';
import { renderSentence } from '../catalogue/index.ts';
import { transaction, type Pool } from '../db/index.ts';
import { callDigest, checkStep, GrantRefused, type Decision, type RunContext } from '../policy/index.ts';
import { findAttempt, startedBefore } from './attempts.ts';
import type { ToolsDeps } from './deps.ts';
import { replying } from './outcome-reply.ts';
import { createPerform, denied, presentedBy, readied, withheld, type Ready } from './perform.ts';
import { recoverAttempts } from './recover.ts';
import type { ExecuteRequest, Execution } from './types.ts';

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
   * Those of another gateway are left to it for as long as it lives.
   * @param olderThanSeconds leaves younger attempts of this process alone; 0 at the start
   * @returns how many were settled
   */
  recover(olderThanSeconds?: number): Promise<number>;
}

/** Wires the router. Connectors come from `createConnectors`. */
export function createTools(deps: ToolsDeps): Tools {
  const { pool, policy } = deps;
  const perform = createPerform(deps);

  const recorded = async (key: Parameters<typeof findAttempt>[1]): Promise<Execution | null> => {
    const found = await findAttempt(pool, key);
    if (found?.state !== 'started') return found?.execution ?? null;
    const work = perform.running.get(found.id);
    return work ? { ...(await work), replayed: true } : found.execution;
  };

  const carryOut = async (call: Ready, grant: string | null): Promise<Execution> => {
    const { run, tool, args, request } = call;
    const own = deps.connectors[tool.connector.kind].commitsAll?.(tool) === true;
    if (own && !request.dryRun) return perform.within(call, grant);
    const decision = grant ? null : await policy.decide(run, request);
    const usable = grant ?? decision?.grant;
    if (!usable) return withheld(decision as Decision);
    if (!request.dryRun) return perform.outside(call, usable);
    const id = await policy.checkGrant(pool, presentedBy(call, usable));
    return { status: 'dry_run', text: `Dry run: ${renderSentence(tool.sentence, args)}`, decision: id };
  };

  return {
    execute: replying(async (run, request) => {
      const { step } = request;
      checkStep(step);
      const { digest } = callDigest(request.tool, request.args);
      const key = { messageId: run.messageId, step, digest };
      let grant = request.grant ?? null;
      // A grant that was spent says by itself that there may be a recorded outcome; without one we have to look.
      if (!grant) {
        const before = await recorded(key);
        if (before) return before;
        grant = await unusedGrant(pool, run, request.tool, digest);
      }
      const call = readied(deps, run, request);
      if (!call) {
        if (grant) return (await recorded(key)) ?? denied([unknownTool]);
        return withheld(await policy.decide(run, request));
      }
      try {
        return await carryOut(call, grant);
      } catch (error) {
        // Started before, or a twin was faster: its outcome is this one's too.
        if (startedBefore(error)) return (await recorded(key)) ?? denied([unknownTool]);
        if (!(error instanceof GrantRefused)) throw error;
        return (await recorded(key)) ?? refuse(pool, run, error, { tool: request.tool, digest });
      }
    }),
    recover: (olderThanSeconds = 0) =>
      recoverAttempts(deps, olderThanSeconds, (id) => perform.running.has(id)),
  };
}

const unknownTool = { code: 'tool_unknown', text: 'There is no tool of this name.' };

/** A refused grant leaves a receipt as well: somebody tried. */
async function refuse(
  pool: Pool,
  run: RunContext,
  error: GrantRefused,
  call: { tool: string; digest: string },
): Promise<Execution> {
  const facts = { ...call, status: 'denied', reasons: [error.reason], principal: run.principal };
  const [receipt] = await transaction(pool, (tx) =>
    recordReceipts(tx, [{ kind: 'outcome', messageId: run.messageId, facts }]),
  );
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
