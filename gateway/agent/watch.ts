import type { Queryable } from '../db/index.ts';
import { filesOfMessage, type MessageFile } from '../delivery/index.ts';
import type { Reason } from '../policy/index.ts';
import { allowanceOf } from './budgets.ts';
import { sumCosts, type CostGroup, type Costs } from './costs.ts';
import { readRun, readSteps, type RunRow } from './journal/index.ts';
import type { Allowance } from './models/index.ts';
import type { AgentDeps, AgentRequest, Opening, Step } from './types.ts';

/** Who looks: people see their own runs; who may read every receipt sees all of them, without what was said. */
export interface Watcher {
  principal: string;
  all: boolean;
}

/** A run in a list. */
export type ListedRun = Omit<RunRow, 'sessionKey' | 'messageId' | 'result' | 'waitsFor'> & {
  /** The model that was asked last. */
  model: string | null;
  /** The approvals that it waits for. */
  asks: string[];
};

/** A step; its content is null for others than the run's own person. */
export type WatchedStep = Step;

/** What became of one call's decision. */
export interface WatchedDecision {
  id: string;
  effect: string;
  reasons: Reason[];
}

/** A run with all that it did. What was said is there for its own person alone, and while it is kept. */
export interface WatchedRun extends Omit<ListedRun, 'model'> {
  own: boolean;
  text: string | null;
  /** What came with its message. */
  files: MessageFile[];
  prompt: Opening['prompt'] | null;
  /** How many tools were on offer. */
  offered: number | null;
  /** What this run may use at most. */
  allowance: Allowance;
  steps: WatchedStep[];
  decisions: ReadonlyMap<string, WatchedDecision>;
  /** The latest request to people, by the decision that it is for. */
  approvals: ReadonlyMap<string, { id: string; state: string }>;
}

/** The runs of the agent, as people see them. */
export interface Watch {
  readonly currency: string;
  /** What people call a tool. */
  titleOf(tool: string): string;
  /** A page of runs, the newest first. @param wish.after the last run of the page before */
  list(
    watcher: Watcher,
    wish: { open: boolean; after: string | null },
  ): Promise<{ runs: ListedRun[]; next: string | null }>;
  /** @returns null for a run that there is not, or that this watcher may not see */
  run(watcher: Watcher, id: string): Promise<WatchedRun | null>;
  /** What models used in the last `days`, of all or of the watcher alone. */
  costs(watcher: Watcher, by: CostGroup, days: number): Promise<Costs[]>;
}

const pageSize = 30;

/** Reads runs for people to look at; it changes nothing. */
export function createWatch({
  pool,
  models,
  catalogue,
}: Pick<AgentDeps, 'pool' | 'models' | 'catalogue'>): Watch {
  return {
    titleOf: (tool) => catalogue.get(tool)?.title ?? tool,
    get currency() {
      return models.file()?.currency ?? 'EUR';
    },
    async list(watcher, wish) {
      const rows = await readList(pool, watcher, wish);
      const runs = rows.slice(0, pageSize);
      return { runs, next: rows.length > pageSize ? (runs.at(-1)?.id ?? null) : null };
    },
    async run(watcher, id) {
      const row = await readRun(pool, id);
      const own = row !== null && row.principal === watcher.principal;
      if (!row || !(own || watcher.all)) return null;
      const { sessionKey: _session, messageId, waitsFor, result, ...run } = row;
      const [steps, begun, files] = await Promise.all([
        readSteps(pool, id),
        readBeginning(pool, id),
        own ? readFiles(pool, messageId) : [],
      ]);
      const named = steps.flatMap(({ facts }) =>
        typeof facts.decision === 'string' ? [facts.decision] : [],
      );
      const [decisions, approvals] = await Promise.all([
        readDecisions(pool, named),
        readApprovals(pool, [...named, ...waitsFor]),
      ]);
      return {
        ...run,
        own,
        asks: waitsFor.flatMap((root) => {
          const asked = approvals.get(root);
          return asked?.state === 'pending' ? [asked.id] : [];
        }),
        text: own ? (result?.text ?? null) : null,
        files,
        prompt: begun.prompt,
        offered: begun.offered,
        allowance: allowanceOf(models.file() ?? { budgets: [] }, begun.budget ?? {}),
        steps: own ? steps : steps.map((step) => ({ ...step, content: null })),
        decisions,
        approvals,
      };
    },
    costs: (watcher, by, days) => sumCosts(pool, by, days, watcher.all ? null : watcher.principal),
  };
}

async function readList(
  db: Queryable,
  { principal, all }: Watcher,
  { open, after }: { open: boolean; after: string | null },
): Promise<ListedRun[]> {
  const { rows } = await db.query<ListedRun>(
    `select id, state, task, principal, ended_by as "endedBy", lacks, created_at as "createdAt", finished_at as "finishedAt",
       json_build_object('steps', model_steps, 'calls', calls, 'tokensIn', tokens_in, 'tokensOut', tokens_out,
         'cost', cost, 'seconds', active_ms / 1000) as used,
       (select s.model from agent_steps s where s.run_id = r.id and s.model is not null order by number desc limit 1) as model,
       array(select a.id from approvals a where a.root = any(r.waits_for) and a.state = 'pending') as asks
     from agent_runs r where ($2 or principal = $1) and (finished_at is null or not $3) and ($4::uuid is null or id < $4)
     order by id desc limit $5`,
    [principal, all, open, after, pageSize + 1],
  );
  return rows;
}

/** What a run began with; of its request only its budget. */
async function readBeginning(
  db: Queryable,
  id: string,
): Promise<{
  prompt: Opening['prompt'] | null;
  offered: number | null;
  budget: AgentRequest['budget'] | null;
}> {
  const { rows } = await db.query<Awaited<ReturnType<typeof readBeginning>>>(
    `select opening->'prompt' as prompt, jsonb_array_length(opening->'tools') as offered, request->'budget' as budget
     from agent_runs where id = $1`,
    [id],
  );
  return rows[0] ?? { prompt: null, offered: null, budget: null };
}

async function readFiles(db: Queryable, messageId: string): Promise<MessageFile[]> {
  const { rows } = await db.query<{ files: MessageFile[] | null }>(
    `select ${filesOfMessage} as files from messages m where m.id = $1`,
    [messageId],
  );
  return rows[0]?.files ?? [];
}

async function readDecisions(db: Queryable, ids: readonly string[]): Promise<Map<string, WatchedDecision>> {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<WatchedDecision>(
    'select id, effect, reasons from decisions where id = any($1)',
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

async function readApprovals(
  db: Queryable,
  roots: readonly string[],
): Promise<Map<string, { id: string; state: string }>> {
  if (roots.length === 0) return new Map();
  const { rows } = await db.query<{ root: string; id: string; state: string }>(
    `select distinct on (root) root, id, state from approvals where root = any($1) order by root, created_at desc, id desc`,
    [roots],
  );
  return new Map(rows.map(({ root, ...asked }) => [root, asked]));
}
