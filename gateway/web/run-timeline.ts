import { inWords, type Watch, type WatchedRun, type WatchedStep } from '../agent/index.ts';
import { cut, type Status } from './format.ts';
import type { Shown } from './live.ts';

/** One moment of a run, as its page shows it. */
export interface Moment extends Shown {
  at: Date;
  title: string;
  /** Catalogue name of the tool, where it is a call. */
  tool: string | null;
  status: Status | null;
  /** One or two sentences in our own words. */
  lines: string[];
  facts: { label: string; value: string; href?: string }[];
  /** What was said: its text where the viewer may read it and it is kept, else its digest alone. */
  said: { label: string; text: string | null; digest: string | null }[];
}

const mostShown = 4000;

const whyPassed: Record<string, string> = {
  class: 'of another class than was asked for',
  data_class: 'may not be sent data of this class',
  context: 'has no room for the conversation',
  resting: 'rests after failures in a row',
  budget: 'costs more than the budgets have left',
  key: 'has no key that can be read',
  failed: 'did not answer',
};

const outcomes: Record<string, Status> = {
  succeeded: 'done',
  denied: 'refused',
  failed: 'failed',
  rejected: 'rejected',
  expired: 'expired',
  cancelled: 'cancelled',
};

/** What a run did, in its order: questions with their answers, calls with how they ended, and what people said. */
export function timelineOf(
  run: WatchedRun,
  { titleOf, currency }: Pick<Watch, 'titleOf' | 'currency'>,
): Moment[] {
  const moments: Moment[] = [];
  const calls = new Map<string, Moment>();
  let question: Moment | null = null;
  for (const step of run.steps) {
    const call = calls.get(String(step.facts.call));
    if (step.kind === 'prompt') {
      if (question) question.status = 'failed';
      question = asked(step);
      moments.push(question);
    } else if (step.kind === 'answer') {
      if (question) answer(question, step, currency);
      question = null;
    } else if (step.kind === 'call') {
      const begun = beginCall(run, step, titleOf);
      calls.set(String(step.facts.call), begun);
      moments.push(begun);
    } else if (step.kind === 'message') moments.push(message(step));
    else if (call && step.kind === 'decision') decide(call, step, run);
    else if (call && step.kind === 'wait') call.status = 'waiting';
    else if (call && step.kind === 'result') endCall(call, step);
  }
  if (run.finishedAt !== null) for (const moment of moments) if (isOpen(moment)) moment.status = 'cancelled';
  return moments;
}

const isOpen = ({ status }: Moment): boolean => status === 'running' || status === 'waiting';

const empty = { tool: null, status: null, lines: [], facts: [], said: [] };
const begin = ({ number, at }: WatchedStep, title: string): Moment => ({
  ...structuredClone(empty),
  id: `s-${number}`,
  at,
  title,
});

function asked(step: WatchedStep): Moment {
  const { endpoint, dataClass, passed, estimated } = step.facts;
  const skipped = (Array.isArray(passed) ? passed : []).map((one) => {
    const [model = '', why = ''] = one.split(':');
    return `${model} ${whyPassed[why] ?? why.replaceAll('_', ' ')}`;
  });
  const why =
    skipped.length === 0
      ? 'It is the first choice for this task.'
      : `It is the first that may be asked: ${skipped.join('; ')}.`;
  return {
    ...begin(
      step,
      `Asked ${step.model ?? 'a model'}${step.facts.summary === undefined ? '' : ' to summarise what came before'}`,
    ),
    status: 'running',
    lines: [why],
    facts: [
      { label: 'Endpoint', value: String(endpoint ?? '') },
      { label: 'Highest data class', value: String(dataClass ?? '') },
      { label: 'Expected tokens', value: String(estimated ?? '') },
    ],
    said: [{ label: 'Prompt', text: null, digest: step.digest }],
  };
}

function answer(question: Moment, step: WatchedStep, currency: string): void {
  question.status = 'answered';
  question.facts = question.facts.filter(({ label }) => label !== 'Expected tokens');
  question.facts.push(
    { label: 'Tokens', value: `${step.tokensIn ?? 0} in, ${step.tokensOut ?? 0} out` },
    { label: 'Cost', value: inWords(step.cost ?? 0, currency) },
  );
  question.said.push(said('Answer', step));
}

function beginCall(run: WatchedRun, step: WatchedStep, titleOf: Watch['titleOf']): Moment {
  const tool = typeof step.facts.tool === 'string' ? step.facts.tool : null;
  const name = typeof step.content?.name === 'string' ? step.content.name : null;
  return {
    ...begin(step, tool === null ? 'A tool that is not on offer' : titleOf(tool)),
    tool,
    status: 'running',
    lines: run.own && tool === null && name !== null ? [`The model called it “${cut(name)}”.`] : [],
    said: [said('Arguments', step, 'args')],
  };
}

function decide(call: Moment, step: WatchedStep, { decisions, approvals }: WatchedRun): void {
  const id = String(step.facts.decision);
  const decided = decisions.get(id);
  const approval = approvals.get(id);
  const known = new Set(call.facts.map(({ href }) => href));
  const add = (label: string, value: string, href: string): void => {
    if (!known.has(href)) call.facts.push({ label, value, href });
  };
  if (decided) call.lines = decided.reasons.map(({ code, text }) => `${text} (${code})`);
  add('Decision', decided?.effect ?? id, `/policy?decision=${encodeURIComponent(id)}`);
  if (approval) add('Request', approval.state, `/approvals/${encodeURIComponent(approval.id)}`);
}

function endCall(call: Moment, step: WatchedStep): void {
  const { status, receipt } = step.facts;
  call.status = outcomes[String(status)] ?? 'unknown';
  if (typeof receipt === 'string')
    call.facts.push({ label: 'Receipt', value: receipt, href: `/receipts#r-${receipt}` });
  call.said.push(said('What the model was told', step));
}

function message(step: WatchedStep): Moment {
  const by = { person: 'Its person', workflow: 'The workflow' }[String(step.facts.by)];
  const title = by === undefined ? 'Asked to mend the answer' : `${by} said something`;
  return { ...begin(step, title), said: [said('Message', step)] };
}

const said = (label: string, { content, digest }: WatchedStep, part = 'text'): Moment['said'][number] => {
  const text = content?.[part];
  return { label, text: typeof text === 'string' ? cut(unfenced(text), mostShown) : null, digest };
};

/** Without the marks of its blocks, which are for the model. */
const unfenced = (text: string): string =>
  text.replace(/^<\/?(?:facts|instructions|request|data) [0-9a-f]{12}(?: from="[\w.:-]*")?>\n?/gm, '').trim();
