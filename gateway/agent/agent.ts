import { recordReceipts } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Transaction } from '../db/index.ts';
import { attachedIn } from '../delivery/index.ts';
import { digest, digestOfText, uuidv7 } from '../envelope/index.ts';
import { taint, type RunContext } from '../policy/index.ts';
import { notify, readRun, storeRun, type RunRow } from './journal/index.ts';
import { compileOutput, createWorker } from './loop/index.ts';
import { createBreakers, isOfClass } from './models/index.ts';
import { attachmentsBlock, openingOf } from './opening.ts';
import { createFence } from './prompts/index.ts';
import { readShown, type ShownRun } from './shown.ts';
import { refusals } from './refusals.ts';
import { stopRun } from './stop.ts';
import { storable } from './text.ts';
import { answerOf, runOfText, type TextAnswer, type TextRequest } from './texts.ts';
import type { AgentDeps, AgentRequest } from './types.ts';

/** Who steers: a run token, in its own conversation, or a run's own person, signed in. */
export type Steerer = RunContext | { signedIn: string };

/** Runs language models on requests: durable, within budgets, and with no power of their own. */
export interface Agent {
  /**
   * Starts a run. The same message, step and request is the same run.
   * @throws GatehouseError `no_model_configured`; `GH-AGENT-003` to `-008` for a request that is not usable
   */
  start(context: RunContext, request: AgentRequest): Promise<ShownRun>;
  /**
   * Starts runs of one message together, or finds those that were, in the transaction of what follows from them.
   * @param also what else is stored, with the ids of the runs that there are; it is not called where there are none
   * @returns for each request its run, or why there is none, as `start` would throw it
   */
  startAll(
    context: RunContext,
    requests: readonly AgentRequest[],
    also: (tx: Transaction, ids: string[]) => Promise<void>,
  ): Promise<(ShownRun | GatehouseError)[]>;
  /**
   * Does a text task: a run of one question, waited for. The same message, step and request is answered once.
   * @throws GatehouseError like `start`
   */
  text(context: RunContext, request: TextRequest): Promise<TextAnswer>;
  /** @throws GatehouseError `GH-AGENT-010` for a run that is not of this actor and conversation */
  show(context: RunContext, id: string): Promise<ShownRun>;
  /** Holds a run after the step that it is at. @throws GatehouseError `GH-AGENT-010`, `-011` */
  pause(by: Steerer, id: string): Promise<ShownRun>;
  /** @throws GatehouseError `GH-AGENT-010`, `-011` */
  resume(by: Steerer, id: string): Promise<ShownRun>;
  /** Ends a run, and takes back what it asked people. @throws GatehouseError `GH-AGENT-010`, `-011` */
  stop(by: Steerer, id: string): Promise<ShownRun>;
  /**
   * Adds a message that the model reads before its next step.
   * @param text of a run token without one: what the person wrote in the message that is served
   * @throws GatehouseError `GH-AGENT-010`, `-011`, `-012`
   */
  say(by: Steerer, id: string, text: string | null): Promise<ShownRun>;
  /** Ends what is under way for a person in a conversation. @returns how many runs that were */
  cancel(of: { principal: string; sessionKey: string }): Promise<number>;
  /** Begins to work on runs. */
  work(): void;
  /** Lets go of the runs under way; any gateway goes on with them. */
  rest(): Promise<void>;
}

export function createAgent(deps: AgentDeps): Agent {
  const { pool, models } = deps;
  const worker = createWorker(deps, createBreakers());

  const shown = async (id: string): Promise<ShownRun> => {
    const run = await readShown(pool, models, id);
    if (!run) throw refusals.unknown();
    return run;
  };
  /** Changes a run of this steerer's under its lock. */
  const change = async (
    by: Steerer,
    id: string,
    what: string,
    work: (tx: Transaction, row: RunRow) => Promise<void>,
  ): Promise<ShownRun> => {
    await transaction(pool, async (tx) => {
      const row = await readRun(tx, id, true);
      if (!row || !isOf(by, row)) throw refusals.unknown();
      if (row.finishedAt !== null) throw refusals.over(row.state);
      await work(tx, row);
      const facts = { agentRun: id, what, by: row.principal };
      const messageId = 'signedIn' in by ? row.messageId : by.messageId;
      recordReceipts(tx, [{ kind: 'agent.steered', messageId, facts }]);
      notify(tx, id);
    });
    deps.progress?.moved(id);
    return shown(id);
  };

  const stop: Agent['stop'] = (by, id) =>
    change(by, id, 'stop', (tx) => stopRun(tx, deps, id, { by: 'person', why: 'It was stopped.' }));

  /** Looks at a request. @returns how its run is stored, and the id that it has then */
  const prepared = async (
    context: RunContext,
    request: AgentRequest,
  ): Promise<(tx: Transaction) => Promise<string>> => {
    if (models.file() === null) throw refusals.noModel();
    if (!models.of(request.task).some((model) => isOfClass(model, request.modelClass)))
      throw refusals.noModelOfTask(request.task, request.modelClass);
    checkSchema(request.schema);
    const id = uuidv7();
    const attached = request.bare ? [] : await attachedIn(pool, context);
    const opening = await openingOf(deps, id, context, request, attached);
    return (tx) => {
      if (attached.length > 0 || bringsInput(context, request)) taint(tx, context.sessionKey);
      return storeRun(tx, context, {
        id,
        digest: digest(JSON.parse(JSON.stringify(request))),
        request,
        opening,
      });
    };
  };

  const agent: Agent = {
    async start(context, request) {
      return shown(await transaction(pool, await prepared(context, request)));
    },
    async startAll(context, requests, also) {
      const ready = await Promise.all(
        requests.map((request) =>
          prepared(context, request).catch((error: unknown) => {
            if (error instanceof GatehouseError && error.status < 500) return error;
            throw error;
          }),
        ),
      );
      const stored = await transaction(pool, async (tx) => {
        const ids: (string | GatehouseError)[] = [];
        for (const store of ready) ids.push(store instanceof GatehouseError ? store : await store(tx));
        const begun = ids.filter((id) => typeof id === 'string');
        if (begun.length > 0) await also(tx, begun);
        return ids;
      });
      return Promise.all(stored.map(async (id) => (typeof id === 'string' ? shown(id) : id)));
    },
    async text(context, request) {
      const run = await agent.start(context, runOfText(request));
      return answerOf(deps, run, () => shown(run.id));
    },
    async show(context, id) {
      const row = await readRun(pool, id);
      if (!row || !isOf(context, row)) throw refusals.unknown();
      return shown(id);
    },
    pause: (by, id) =>
      change(by, id, 'pause', async (tx, { state }) => {
        if (state === 'paused') return;
        await tx.query(`update agent_runs set state = 'paused' where id = $1`, [id]);
      }),
    resume: (by, id) =>
      change(by, id, 'resume', async (tx, { state }) => {
        if (state !== 'paused') return;
        await tx.query(
          `update agent_runs set state = case when owner is not null then 'running'
             when cardinality(waits_for) > 0 or wake_at is not null then 'waiting' else 'queued' end where id = $1`,
          [id],
        );
      }),
    stop,
    async cancel({ principal, sessionKey }) {
      const { rows } = await pool.query<{ id: string }>(
        'select id from agent_runs where session_key = $1 and principal = $2 and finished_at is null',
        [sessionKey, principal],
      );
      const stops = await Promise.allSettled(rows.map(({ id }) => stop({ signedIn: principal }, id)));
      for (const one of stops)
        // One that ended meanwhile needs no end.
        if (one.status === 'rejected' && (one.reason as GatehouseError).code !== 'GH-AGENT-011')
          throw one.reason;
      return stops.filter(({ status }) => status === 'fulfilled').length;
    },
    say: (by, id, text) =>
      change(by, id, 'message', async (tx) => {
        const typed = 'signedIn' in by ? (text ?? '') : by.text;
        // What a workflow says is anybody's, unless the person typed the very same.
        const own = text === null || text === typed;
        const said = storable(own ? typed : text).trim();
        if (said === '') throw refusals.noText();
        const attached = 'sessionKey' in by ? await attachedIn(tx, by) : [];
        const came = attached.filter(({ ofThisMessage }) => ofThisMessage);
        if ((!own || came.length > 0) && 'sessionKey' in by) taint(tx, by.sessionKey);
        const fence = createFence(id);
        const words = fence.block(own ? 'request' : 'data', own ? 'person' : 'workflow', said);
        const content = { text: [words, ...attachmentsBlock(fence, came)].join('\n\n') };
        await tx.query(
          `with run as (update agent_runs set last_step = last_step + 1 where id = $1 returning last_step)
           insert into agent_steps (run_id, number, kind, digest, content, facts)
           select $1, last_step, 'message', $2, $3, $4 from run`,
          [
            id,
            digestOfText(said),
            JSON.stringify(content),
            JSON.stringify({ by: own ? 'person' : 'workflow' }),
          ],
        );
      }),
    work: () => worker.start(),
    async rest() {
      deps.progress?.stop();
      await worker.stop();
    },
  };
  return agent;
}

const isOf = (by: Steerer, row: Pick<RunRow, 'principal' | 'sessionKey'>): boolean =>
  'signedIn' in by
    ? row.principal !== null && row.principal === by.signedIn
    : row.sessionKey === by.sessionKey && row.principal === by.principal;

/** Whether a request holds material that the actor did not write in the message that is served. */
const bringsInput = ({ text }: RunContext, { input }: AgentRequest): boolean =>
  Object.values(input).some((part) => !text.includes(part));

function checkSchema(schema: AgentRequest['schema']): void {
  if (schema === null) return;
  try {
    compileOutput(schema);
  } catch (error) {
    throw new GatehouseError('GH-AGENT-007', 'The schema of the output is no JSON Schema.', {
      field: 'schema',
      next: 'Write it as JSON Schema, draft 7.',
      cause: error,
    });
  }
}
