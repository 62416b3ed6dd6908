import { inWords, lackInWords, type ListedRun, type WatchedRun } from '../agent/index.ts';
import { toProblem } from '../config/index.ts';
import type { ApprovalCard, WebDeps } from './deps.ts';
import { shownFiles, type ShownFile } from './files.ts';
import type { Status } from './format.ts';
import type { Shown } from './live.ts';
import { timelineOf, type Moment } from './run-timeline.ts';
import type { Viewer } from './session.ts';

/** One request that a run waits for. */
interface Wait {
  id: string;
  /** Null where the viewer may not read the request. */
  card: Pick<ApprovalCard, 'sentence' | 'facts' | 'approvers' | 'deadline'> | null;
}

/** A run in the list, with who it is of and whom it waits for. */
export type Item = Shown & ListedRun & { status: Status; by: string; waitsFor: Wait[]; cost: string };

interface Head extends Pick<
  WatchedRun,
  'id' | 'task' | 'createdAt' | 'finishedAt' | 'text' | 'own' | 'prompt' | 'offered'
> {
  status: Status;
  by: string;
  waitsFor: Wait[];
  /** The key that it waits for, in words. */
  lacks: string | null;
  files: ShownFile[];
  /** Why it ended, in words. */
  ended: string | null;
  meters: { label: string; used: number; most: number; text: string }[];
}

interface Controls extends Pick<WatchedRun, 'id' | 'own' | 'state'> {
  over: boolean;
  csrf: string;
}

/** What the page of one run is made of: its head, its buttons, and its moments. */
export type Part = Shown & ({ head: Head } | { controls: Controls } | { moment: Moment });

const endings: Record<NonNullable<WatchedRun['endedBy']>, string> = {
  answer: 'It answered.',
  person: 'Its person stopped it.',
  cancelled: 'Its workflow run was stopped in n8n.',
  budget: 'A budget had not enough left.',
  loop: 'The same call came back with the same result three times.',
  no_model_configured: 'No language model was configured any more.',
  no_model_fits: 'No model of this task could be asked.',
  model_unavailable: 'No model answered.',
  model_refused: 'The model refused to answer.',
  answer_cut: 'The answer was longer than the model may write.',
  output_invalid: 'The answer did not fit its schema.',
  forgotten: 'The text of its request was deleted while it waited.',
};

/** The runs of a page of the list. */
export function itemsOf(deps: WebDeps, viewer: Viewer, runs: readonly ListedRun[]): Promise<Item[]> {
  return Promise.all(
    runs.map(async (run) => ({
      ...run,
      status: statusOf(run),
      by: nameOf(deps, run.principal),
      waitsFor: await waitsOf(deps, viewer, run.asks),
      cost: inWords(run.used.cost, deps.runs.currency),
    })),
  );
}

/** What the page of a run shows. */
export async function partsOf(deps: WebDeps, viewer: Viewer, run: WatchedRun): Promise<Part[]> {
  const { id, own, state, task, createdAt, finishedAt, text, prompt, offered, endedBy } = run;
  const head: Head = {
    ...{ id, own, task, createdAt, finishedAt, text, prompt, offered },
    status: statusOf(run),
    by: nameOf(deps, run.principal),
    waitsFor: await waitsOf(deps, viewer, run.asks),
    lacks: run.lacks && lackInWords(run.lacks),
    files: shownFiles(run.files),
    ended: endedBy && endings[endedBy],
    meters: metersOf(run, deps.runs.currency),
  };
  const moments = timelineOf(run, deps.runs);
  return [
    { id: 'run-head', apart: true, head },
    {
      id: 'run-controls',
      apart: true,
      controls: { id, own, state, over: finishedAt !== null, csrf: viewer.csrf },
    },
    ...moments.map((moment) => ({ id: moment.id, moment })),
  ];
}

/** How a run stands. One that waits for no person goes on by itself. */
function statusOf({ state, asks }: Pick<ListedRun, 'state' | 'asks'>): Status {
  return state === 'waiting' && asks.length === 0 ? 'resting' : state;
}

/** What a person is called. */
export const nameOf = (deps: Pick<WebDeps, 'people'>, principal: string | null): string =>
  principal === null ? 'nobody' : (deps.people.get(principal)?.display ?? principal);

function waitsOf(deps: WebDeps, viewer: Viewer, asks: readonly string[]): Promise<Wait[]> {
  return Promise.all(
    asks.map(async (id) => {
      try {
        const card = await deps.approvals.card(id, viewer.principal, { link: false });
        return { id, card };
      } catch (error) {
        if (toProblem(error).status !== 404) throw error;
        return { id, card: null };
      }
    }),
  );
}

function metersOf({ used, allowance }: WatchedRun, currency: string): Head['meters'] {
  const { steps = 0, calls = 0, tokens = 0, seconds = 0, spend } = allowance;
  const meter = (label: string, value: number, most: number, unit = ''): Head['meters'][number] => ({
    ...{ label, used: value, most },
    text: `${count(value)} of ${count(most)}${unit}`,
  });
  const cost = inWords(used.cost, currency);
  const most = Math.round(Number(spend ?? 0) * 1e6);
  return [
    meter('Questions', used.steps, steps),
    meter('Calls', used.calls, calls),
    meter('Tokens', used.tokensIn + used.tokensOut, tokens),
    meter('Time of models', Math.round(used.seconds), seconds, ' s'),
    {
      label: 'Cost',
      used: used.cost,
      most,
      text: most === 0 ? cost : `${cost} of ${inWords(most, currency)}`,
    },
  ];
}

const count = (value: number): string => new Intl.NumberFormat('en').format(value);
