import type { Tool } from '../catalogue/index.ts';
import { shareTransactions, transaction, type Transaction } from '../db/index.ts';
import {
  callDigest,
  destinationsOf,
  exceededBudget,
  missedItsRow,
  RulesChanged,
  type Decision,
  type Judged,
  type Presented,
  type RunContext,
} from '../policy/index.ts';
import { finishAttempt, startAttempt, type Attempt, type Ending } from './attempts.ts';
import type { ToolsDeps } from './deps.ts';
import { targetOf } from './loan.ts';
import { outcomeReply } from './outcome-reply.ts';
import { roomOf } from './room.ts';
import { untilStored } from './until-stored.ts';
import { runCall } from './run-call.ts';
import type { ExecuteRequest, Execution } from './types.ts';
import { outcomeOf, planAgain, planFirst } from './waiting.ts';

/** A call of a tool that exists. */
export interface Ready {
  run: RunContext;
  tool: Tool;
  request: ExecuteRequest;
  args: Record<string, unknown>;
  digest: string;
  /** Digest of what its approval holds for now; null where none was needed. */
  binding: string | null;
  /** Its judgement, where it is on its way. */
  judging?: Promise<Judged>;
}

/** How calls are carried out, each in as few transactions as its effect allows. */
export interface Perform {
  /** Attempts of this process without an outcome yet, so that a retry waits instead of asking twice. */
  readonly running: ReadonlyMap<string, Promise<Execution>>;
  /**
   * The attempt is committed before the call reaches outside, its outcome after. Without a grant it is decided with it.
   * @throws GrantRefused
   */
  outside(call: Ready, grant: string | null): Promise<Execution>;
  /**
   * Runs a started call, unless its `ending` is known already, and records how it ended, with the reply that tells it where one is
   * asked for; or plans its next try.
   */
  goOn(call: Ready, attempt: Attempt, ending?: Ending): Promise<Execution>;
  /** A call whose effect is in our own database: decision, attempt, effect and outcome together, or none of them. */
  within(call: Ready, grant: string | null): Promise<Execution>;
}

/** @returns the call, with its digest; undefined for a tool that is not in the catalogue */
export function readied(
  deps: Pick<ToolsDeps, 'catalogue'>,
  run: RunContext,
  request: ExecuteRequest,
  { digest }: { digest: string } = callDigest(request.tool, request.args),
): Ready | undefined {
  const tool = deps.catalogue.get(request.tool);
  // An object by the tool's schema, which the decision checks before anything runs.
  const args = request.args as Record<string, unknown>;
  return tool && { run, tool, request, args, digest, binding: null };
}

/** What a call presents with its grant. */
export const presentedBy = ({ run, tool, args, digest, binding }: Ready, grant: string): Presented => ({
  grant,
  messageId: run.messageId,
  sessionKey: run.sessionKey,
  channel: run.channel.kind,
  principal: run.principal,
  tool: tool.name,
  digest,
  args,
  binding,
});

/** Wires the ways to carry out a call. */
export function createPerform(deps: ToolsDeps): Perform {
  const { pool, policy } = deps;
  const running = new Map<string, Promise<Execution>>();
  const alone = <T>(work: (tx: Transaction) => T | Promise<T>): Promise<T> => transaction(pool, work);
  // Starts and ends together: two at a time would each be half as large, and cost Postgres more than one.
  const shared = shareTransactions(pool);

  const start = (tx: Transaction, call: Ready, grant: string, decisionId: string): Attempt => {
    const { tool, args, request } = call;
    const connector = deps.connectors[tool.connector.kind];
    return startAttempt(
      tx,
      deps.leases,
      { ...presentedBy(call, grant), decisionId },
      {
        step: request.step,
        secret: connector.secretFor?.(tool, args) ?? null,
        target: targetOf(connector, tool, args),
        destinations: destinationsOf(tool, args).map(({ digest }) => digest),
        room: roomOf(tool),
        endsWithin: connector.commitsAll?.(tool) === true,
      },
    );
  };
  const spendAndStart = (tx: Transaction, call: Ready, grant: string): Attempt =>
    start(tx, call, grant, policy.consumeGrant(tx, presentedBy(call, grant)));
  /** A transaction that fails for its grant is asked why. @throws GrantRefused */
  const spending = async <T>(
    call: Ready,
    grant: string,
    work: (tx: Transaction) => T | Promise<T>,
  ): Promise<T> => {
    try {
      return await transaction(pool, work);
    } catch (error) {
      await policy.explainRefusal(pool, error, presentedBy(call, grant));
      throw error;
    }
  };
  const reach = (call: Ready, attempt: Attempt): Promise<Ending> =>
    runCall(deps, {
      ...{ attempt, tool: call.tool, args: call.args, caller: call.run },
      ...(call.request.unwanted && { unwanted: call.request.unwanted }),
    });
  const runWithin = async (tx: Transaction, call: Ready, attempt: Attempt): Promise<Execution> =>
    finishAttempt(tx, deps.leases, attempt, await reach(call, attempt));
  /** Stores the judgement of a call and starts it, in a transaction that fails where it was decided before. */
  const storeAndStart = (tx: Transaction, call: Ready, judgement: Judged, grant: string): Attempt => {
    policy.storeSpent(tx, judgement);
    return start(tx, call, grant, judgement.id);
  };
  /** Starts a call, which is decided where no grant is `given`, and does its `work` in the same transaction. */
  const started = async <T>(
    call: Ready,
    given: string | null,
    work: (tx: Transaction, attempt: Attempt) => T | Promise<T>,
    together = alone,
  ): Promise<{ done: T } | { not: Decision }> => {
    if (given !== null)
      return { done: await spending(call, given, (tx) => work(tx, spendAndStart(tx, call, given))) };
    // What waits for rows of others would let all wait that share its transaction.
    const { principal, sessionKey } = call.run;
    const charged = { tool: call.tool.name, args: call.args, principal, sessionKey };
    const waits = policy.budgeted(charged) || roomOf(call.tool)?.concurrency != null;
    const judgement = await (call.judging ?? policy.judgeTogether(call.run, call.request));
    const { grant } = judgement;
    try {
      if (grant !== null) {
        const begin = (tx: Transaction): T | Promise<T> =>
          work(tx, storeAndStart(tx, call, judgement, grant));
        return { done: await (waits ? alone : together)(begin) };
      }
    } catch (error) {
      // Decided before, or a budget was used up or the rules changed since: the decision says what holds now.
      if (!missedItsRow(error) && !exceededBudget(error) && !(error instanceof RulesChanged)) throw error;
    }
    const decision = await policy.decide(call.run, call.request);
    return decision.grant === null ? { not: decision } : started(call, decision.grant, work);
  };

  /** Undefined where it may not be told. */
  const tell = async (tx: Transaction, reply: Ready): Promise<Execution | undefined> => {
    const judgement = await policy.judge(tx, reply.run, reply.request);
    if (judgement.grant === null) return undefined;
    return runWithin(tx, reply, storeAndStart(tx, reply, judgement, judgement.grant));
  };

  /** The outcome with the reply that tells it, or the outcome alone: what happened outside is stored in any case. */
  const settle = async (call: Ready, attempt: Attempt, ending: Ending): Promise<Execution> => {
    if (call.request.reply) {
      const both = transaction(pool, async (tx) => {
        const execution = await finishAttempt(tx, deps.leases, attempt, ending);
        const reply = readied(deps, call.run, outcomeReply(call.request, execution));
        const told = reply && (await tell(tx, reply));
        if (told?.status !== 'succeeded') throw new Error('the outcome cannot be told with its commit');
        return { ...execution, replied: true };
      });
      const told = await both.catch(() => null);
      if (told) return told;
    }
    const finish = (tx: Transaction): Promise<Execution> => finishAttempt(tx, deps.leases, attempt, ending);
    // One that gives budgets back, or has an effect of its own, does not let others wait for it.
    const shares = ending.status !== 'failed' && ending.tokens == null && !ending.commit;
    return (shares ? shared : alone)(finish);
  };

  const goOn: Perform['goOn'] = async (call, attempt, known) => {
    const ending = known ?? (await reach(call, attempt));
    return untilStored(deps, attempt, async () => {
      const planned = await planAgain(deps, attempt, call.tool, ending);
      return planned ? { status: 'planned' } : settle(call, attempt, ending);
    });
  };

  return {
    running,
    async outside(call, grant) {
      const begun = await started(call, grant, (_tx, attempt) => attempt, shared);
      if ('not' in begun) return withheld(begun.not);
      const attempt = begun.done;
      const begin = async (): Promise<Execution> => {
        if (attempt.waitsFor === null) {
          const execution = await goOn(call, attempt);
          if (execution.status !== 'planned') return execution;
        } else await planFirst(deps, attempt);
        const { run, request, digest } = call;
        return outcomeOf(deps, { messageId: run.messageId, step: request.step, digest }, request);
      };
      const work = begin().finally(() => running.delete(attempt.id));
      running.set(attempt.id, work);
      return work;
    },
    goOn,
    async within(call, grant) {
      const begun = await started(call, grant, (tx, attempt) => runWithin(tx, call, attempt));
      return 'not' in begun ? withheld(begun.not) : begun.done;
    },
  };
}

/** A call that was answered without being run. */
export const denied = (reasons: { code: string; text: string }[]): Execution => ({
  status: 'denied',
  reasons,
  text: reasons.map((reason) => reason.text).join(' '),
});

/** What the decision of a call says that may not run (yet). */
export function withheld(decision: Decision): Execution {
  const status = decision.effect === 'deny' ? 'denied' : 'needs_approval';
  return { ...denied(decision.reasons), status, decision: decision.id };
}
