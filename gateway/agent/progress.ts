import type { Catalogue } from '../catalogue/index.ts';
import type { Outgoing } from '../channels/index.ts';
import { transaction, type Queryable, type Transaction } from '../db/index.ts';
import { endedWords, progressOf, type Progressing } from './progress-words.ts';
import type { AgentDeps, Progress } from './types.ts';

/** Where progress is shown. */
interface Chat {
  /** Edits the message that answers a run's own. @returns false where there is none to be edited now */
  progress(
    tx: Transaction,
    shown: { runId: string; id: string; body: Outgoing; last: boolean },
  ): Promise<boolean>;
}

/** Quick runs show their outcome alone; vendors let one message be edited about once a second. */
const timing = { firstMs: 1000, restMs: 3000 };

interface Watched {
  timer: NodeJS.Timeout | undefined;
  shownAt: number;
  text: string;
  showing: Promise<unknown>;
}

/**
 * Shows runs in the conversations that they came from. What is shown holds words of ours, titles of the catalogue, counts and
 * states: nothing that anybody said.
 */
export function createProgress(
  deps: Pick<AgentDeps, 'pool' | 'catalogue' | 'models' | 'log'> & { chat: Chat; publicUrl: string },
  { firstMs, restMs } = timing,
): Progress {
  const { pool, chat, log } = deps;
  const runs = new Map<string, Watched>();
  const linkTo = (run: string): Pick<Outgoing, 'link'> => ({
    link: { label: 'Watch it', url: `${deps.publicUrl}/runs/${run}` },
  });

  const show = async (run: string, watched: Watched): Promise<void> => {
    await transaction(pool, async (tx) => {
      const now = await readProgress(tx, run);
      if (now === null) return void runs.delete(run);
      // The request to people stands on the same message.
      if (now.asking) return;
      const text = progressOf(now, titlesOf(deps.catalogue, now.tools));
      if (text === watched.text) return;
      const body: Outgoing = { text, tone: 'info', ...linkTo(run) };
      const id = `agent:${run}:${now.lastStep}:${now.state}`;
      if (await chat.progress(tx, { runId: now.runId, id, body, last: false })) watched.text = text;
    });
    watched.shownAt = Date.now();
  };
  const look = (run: string, watched: Watched): void => {
    watched.timer = undefined;
    watched.showing = show(run, watched).catch((error: unknown) =>
      log.warn({ err: error, agentRun: run }, 'how far a run is could not be shown'),
    );
  };

  return {
    moved(run) {
      const watched = runs.get(run) ?? {
        ...{ timer: undefined, shownAt: Date.now() + firstMs - restMs, text: '' },
        showing: Promise.resolve(),
      };
      runs.set(run, watched);
      watched.timer ??= setTimeout(
        () => look(run, watched),
        Math.max(0, watched.shownAt + restMs - Date.now()),
      ).unref();
    },
    async quiet(run) {
      const watched = runs.get(run);
      if (!watched) return;
      clearTimeout(watched.timer);
      watched.timer = undefined;
      await watched.showing;
      watched.text = '';
    },
    async ended(tx, run, ending) {
      clearTimeout(runs.get(run)?.timer);
      runs.delete(run);
      const used = await readUsed(tx, run);
      if (!used || used.asking) return;
      const body = { ...endedWords(ending, used, deps.models.file()?.currency ?? 'EUR'), ...linkTo(run) };
      await chat.progress(tx, { runId: used.runId, id: `agent:${run}:ended`, body, last: true });
    },
    stop() {
      for (const { timer } of runs.values()) clearTimeout(timer);
      runs.clear();
    },
  };
}

const titlesOf = (catalogue: Pick<Catalogue, 'get'>, tools: readonly (string | null)[]): string[] => [
  ...new Set(tools.map((tool) => (tool === null ? undefined : catalogue.get(tool)?.title) ?? 'A tool')),
];

/** How far a run is that goes on; its row is locked so that it does not end meanwhile. */
async function readProgress(tx: Queryable, run: string): Promise<Progressing | null> {
  const { rows } = await tx.query<Progressing>(
    `select r.run_id as "runId", r.state, r.last_step as "lastStep", r.model_steps as questions, r.calls, r.lacks,
       exists (select from approvals a where a.run_id = r.run_id and a.state = 'pending') as asking,
       (select s.kind from agent_steps s where s.run_id = r.id order by number desc limit 1) = 'prompt' as thinking,
       array(select c.facts->>'tool' from agent_steps c where c.run_id = r.id and c.kind = 'call' and not exists
         (select from agent_steps e where e.run_id = r.id and e.kind = 'result' and e.facts->'call' = c.facts->'call')
         order by number) as tools
     from agent_runs r where id = $1 and finished_at is null for share of r`,
    [run],
  );
  return rows[0] ?? null;
}

/** What a run used, and whether people are asked about something of the same message. */
async function readUsed(tx: Queryable, run: string): Promise<Spent | null> {
  const { rows } = await tx.query<Spent>(
    `select run_id as "runId", model_steps as questions, calls, cost::float8 as cost,
       exists (select from approvals a where a.run_id = r.run_id and a.state = 'pending') as asking
     from agent_runs r where id = $1`,
    [run],
  );
  return rows[0] ?? null;
}

type Spent = Pick<Progressing, 'runId' | 'questions' | 'calls' | 'asking'> & { cost: number };
