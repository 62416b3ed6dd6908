import { recordReceipts } from '../audit/index.ts';
import { renderSentence } from '../catalogue/index.ts';
import { GroupCommit, transaction, type Pool } from '../db/index.ts';
import { callDigest, checkStep, GrantRefused, type Decision, type RunContext } from '../policy/index.ts';
import { tryAgain } from './again.ts';
import {
  findAttempt,
  recordedFields,
  recordedOf,
  startedBefore,
  type CallKey,
  type Recorded,
  type RecordedRow,
} from './attempts.ts';
import { boundNow } from './bound.ts';
import { withBreakers } from './breaker.ts';
import type { ToolsDeps } from './deps.ts';
import { byReference } from './large-results.ts';
import { replying } from './outcome-reply.ts';
import { createPerform, denied, presentedBy, readied, withheld, type Ready } from './perform.ts';
import { recoverAttempts } from './recover.ts';
import type { ExecuteRequest, Execution } from './types.ts';
import { awakenPlanned, outcomeOf } from './waiting.ts';

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
  /** Tries a planned call again, as its executor asks. @param id of the attempt */
  tryAgain(id: string): Promise<void>;
  /** Hands planned calls that nobody came for to the executor: those of a former queue, and those put back by hand. */
  awaken(): Promise<void>;
}

/** Wires the router. Connectors come from `createConnectors`. */
export function createTools(given: ToolsDeps): Tools {
  const deps = { ...given, connectors: withBreakers(given.connectors) };
  const { pool, policy } = deps;
  const perform = createPerform(deps);
  const lookUps = new GroupCommit<Asked, Before>((asked) => lookUp(pool, asked));

  const recorded = async (
    key: Parameters<typeof outcomeOf>[1],
    request: ExecuteRequest,
    look = findAttempt(pool, key),
  ): Promise<Execution | null> => {
    const found = await look;
    if (!found || found.state === 'finished') return found?.execution ?? null;
    const work = perform.running.get(found.id);
    if (work) return { ...(await work), replayed: true };
    return found.state === 'planned' ? outcomeOf(deps, key, request) : found.execution;
  };

  /** Its approval does not hold any more: it is decided anew, as a call of its own that a gate can ask about. */
  const askAgain = async (
    call: Ready,
    decisionId: string,
    changes: readonly string[],
  ): Promise<Execution> => {
    const { run, request, tool, digest } = call;
    const key = { messageId: run.messageId, step: request.step, digest };
    if (!(await deps.approvals.outdate(decisionId, changes)))
      return (
        (await recorded(key, request)) ??
        refuse(pool, run, new GrantRefused('grant_spent'), { tool: tool.name, digest })
      );
    // The same step for each retry, so that one change asks once.
    const decision = await policy.decide(run, { ...request, step: `again:${decisionId}` });
    const text = `It would do something else than what was approved, so it was not done. ${changes.join(' ')}`;
    const reason = { code: 'preview_changed', text };
    const receipt = await refusal(pool, run, reason.code, { tool: tool.name, digest });
    const reasons = [reason, ...decision.reasons];
    return decision.grant === null
      ? { ...withheld({ ...decision, reasons }), receipt }
      : { ...denied([reason]), receipt };
  };

  const carryOut = async (call: Ready, grant: string | null): Promise<Execution> => {
    const { run, tool, args, request } = call;
    const own = deps.connectors[tool.connector.kind].commitsAll?.(tool) === true;
    if (!request.dryRun) return own ? perform.within(call, grant) : perform.outside(call, grant);
    const decision = grant ? null : await policy.decide(run, request);
    const usable = grant ?? decision?.grant;
    if (!usable) return withheld(decision as Decision);
    const id = await policy.checkGrant(pool, presentedBy(call, usable));
    return { status: 'dry_run', text: `Dry run: ${renderSentence(tool.sentence, args)}`, decision: id };
  };

  /** Most grants come from no approval, and are spent without asking. One that does is refused then, and looked at. */
  const carryOutAsApproved = async (call: Ready, grant: string | null): Promise<Execution> => {
    try {
      return await carryOut(call, grant);
    } catch (error) {
      if (grant === null || !(error instanceof GrantRefused)) throw error;
      const held = await boundNow(deps, call, grant);
      if ('changed' in held) return askAgain(call, held.decisionId, held.changed);
      if ('unavailable' in held) {
        const { run, tool, digest } = call;
        const receipt = await refusal(pool, run, held.unavailable.code, { tool: tool.name, digest });
        return { ...denied([held.unavailable]), receipt };
      }
      if (held.binding === null) throw error;
      return carryOut({ ...call, binding: held.binding }, grant);
    }
  };

  /** Judging stores nothing, so that it need not wait for the look at what is recorded, which most calls pass. */
  const judgeAhead = (call: Ready): void => {
    call.judging = policy.judgeTogether(call.run, call.request);
    // Heard where the judgement is needed, and nowhere else.
    call.judging.catch(() => undefined);
  };

  const executeOnce = async (run: RunContext, request: ExecuteRequest): Promise<Execution> => {
    const { step } = request;
    checkStep(step);
    const { digest } = callDigest(request.tool, request.args);
    const key = { messageId: run.messageId, step, digest };
    let grant = request.grant ?? null;
    const call = readied(deps, run, request, { digest });
    // A grant that was spent says by itself that there may be a recorded outcome; without one we have to look.
    if (!grant) {
      if (call && !request.dryRun) judgeAhead(call);
      const asked = { ...key, sessionKey: run.sessionKey, tool: request.tool };
      const { before, unused } = await lookUps.add(asked);
      if (before) return (await recorded(key, request, Promise.resolve(before))) as Execution;
      grant = unused;
    }
    if (!call) {
      if (grant) return (await recorded(key, request)) ?? denied([unknownTool]);
      return withheld(await policy.decide(run, request));
    }
    try {
      return await carryOutAsApproved(call, grant);
    } catch (error) {
      // Started before, or a twin was faster: its outcome is this one's too.
      if (startedBefore(error)) return (await recorded(key, request)) ?? denied([unknownTool]);
      if (!(error instanceof GrantRefused)) throw error;
      return (await recorded(key, request)) ?? refuse(pool, run, error, { tool: request.tool, digest });
    }
  };
  const execute = replying(executeOnce);

  return {
    execute: async (run, request) => byReference(await execute(run, request)),
    tryAgain: (id) => tryAgain(deps, perform, executeOnce, id),
    recover: (olderThanSeconds = 0) =>
      recoverAttempts(deps, olderThanSeconds, (id) => perform.running.has(id)),
    awaken: () => awakenPlanned(deps),
  };
}

const unknownTool = { code: 'tool_unknown', text: 'There is no tool of this name.' };

async function refuse(
  pool: Pool,
  run: RunContext,
  error: GrantRefused,
  call: { tool: string; digest: string },
): Promise<Execution> {
  const receipt = await refusal(pool, run, error.reason, call);
  return { ...denied([{ code: error.reason, text: error.message }]), receipt };
}

/** A refused call leaves a receipt as well: somebody tried. */
async function refusal(
  pool: Pool,
  run: RunContext,
  reason: string,
  { tool, digest }: { tool: string; digest: string },
): Promise<string | undefined> {
  const facts = { tool, digest, status: 'denied', reasons: [reason], principal: run.principal };
  const [receipt] = await transaction(pool, (tx) =>
    recordReceipts(tx, [{ kind: 'outcome', messageId: run.messageId, facts }]),
  );
  return receipt;
}

type Asked = CallKey & { sessionKey: string; tool: string };
type Before = { before: Recorded | null; unused: string | null };

/**
 * What is recorded of calls, and the one live grant that a message holds for exactly such a call; null where there are none
 * or several.
 * @returns one entry a call, in their order
 */
async function lookUp(pool: Pool, asked: readonly Asked[]): Promise<Before[]> {
  // One look-up a call: a join would be planned as a reading of the table while that is small, and stay so. As JSON, because
  // of arrays the length is known, and a statement whose best plan hangs on it is planned anew each time.
  const { rows } = await pool.query<RecordedRow & { at: number; grants: string[] | null }>({
    name: 'look-up-calls',
    text: `select asked.at, ${recordedFields}, (
        select array_agg(id) from (
          select id from grants g where g.message_id = asked.message_id and g.consumed_at is null
            and g.session_key = asked.session_key and g.tool = asked.tool and g.digest = asked.digest
            and g.expires_at > now() limit 2
        ) as live) as grants
      from json_to_recordset($1) as asked (at int, message_id text, step text, digest text, session_key text, tool text)
      left join lateral (
        select * from attempts where message_id = asked.message_id and step = asked.step and digest = asked.digest limit 1
      ) a on true`,
    values: [
      JSON.stringify(
        asked.map(({ messageId, step, digest, sessionKey, tool }, at) => ({
          ...{ at, message_id: messageId, step, digest },
          ...{ session_key: sessionKey, tool },
        })),
      ),
    ],
  });
  const found = new Map(rows.map((row) => [row.at, row]));
  return asked.map((_call, index) => {
    const row = found.get(index);
    const grants = row?.grants ?? [];
    return { before: row ? recordedOf(row) : null, unused: grants.length === 1 ? (grants[0] ?? null) : null };
  });
}
