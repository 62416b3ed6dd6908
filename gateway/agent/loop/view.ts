import type { Turn, WantedCall } from '../models/index.ts';
import type { Opening, Step } from '../types.ts';
import { callId } from './begin.ts';

/** A call of the last answer that has no result yet. */
export interface OpenCall extends WantedCall {
  /** Whether it was begun: its budget is taken. */
  begun: boolean;
  /** The decision that people are asked about. */
  waitsFor: string | null;
}

/** Turns that a conversation opens with: the system block and what is asked. */
export const openingTurns = 2;

/** What a journal amounts to. */
export interface View {
  /** The whole conversation. */
  turns: Turn[];
  /** Which of the turns the run's person said while it went on. */
  personal: ReadonlySet<number>;
  /** The latest summary, and how many of the turns, the opening's included, it stands for. */
  summary: { turns: number; text: string } | null;
  /** How many turns the latest summary was to stand for that was asked for, whatever came of it. */
  triedTurns: number;
  open: OpenCall[];
  /** The last answer, where nothing came after it that it has to be followed by. */
  final: { text: string; finish: string } | null;
  /** Questions in a row that no model answered. */
  unanswered: number;
  /** How often the model was asked to mend its answer. */
  repairs: number;
  /** Whether anybody said something to the run. */
  steered: boolean;
  /** Whether some call came back with the same result for the third time. */
  goesRound: boolean;
  /** Tools that were called, with how it ended. */
  called: { tool: string; status: string }[];
  last: number;
}

const mostAlike = 3;

/**
 * Replays a journal. What a person wrote while a model was thinking follows its answer, and the results of what that asked for,
 * so that all that was sent before is the beginning of what is sent next.
 */
export function viewOf(opening: Opening, steps: readonly Step[]): View {
  const turns: Turn[] = [
    { role: 'system', text: opening.system },
    { role: 'user', text: opening.user },
    ...(opening.earlier ? [{ role: 'user' as const, text: opening.earlier.text }] : []),
  ];
  const alike = new Map<string, number>();
  const called: View['called'] = [];
  const personal = new Set<number>();
  let summary: View['summary'] = null;
  let triedTurns = 0;
  let queued: { text: string; own: boolean }[] = [];
  let asked = false;
  let prompt = 0;
  let unanswered = 0;
  let repairs = 0;
  let steered = false;
  let final: View['final'] = null;
  let open: OpenCall[] = [];
  let results = new Map<string, string>();
  const signatures = new Map<string, string>();

  const flush = (): void => {
    for (const { text, own } of queued) {
      if (own) personal.add(turns.length);
      turns.push({ role: 'user', text });
    }
    if (queued.length > 0) final = null;
    queued = [];
  };
  const settle = (): void => {
    if (open.some(({ id }) => !results.has(id))) return;
    turns.push(...open.map(({ id }): Turn => ({ role: 'tool', call: id, text: results.get(id) ?? '' })));
    open = [];
    results = new Map();
    flush();
  };

  for (const { kind, number, content, facts } of steps) {
    const call = typeof facts.call === 'string' ? facts.call : '';
    if (typeof facts.summary === 'number') {
      triedTurns = facts.summary;
      if (facts.kept === true) summary = { turns: facts.summary, text: textOf(content) };
    } else if (kind === 'prompt') {
      flush();
      asked = true;
      prompt = number;
      unanswered += 1;
    } else if (kind === 'answer') {
      const { text = '', calls: wanted = [] } = (content ?? {}) as { text?: string; calls?: WantedCall[] };
      const calls = wanted.map((one, index) => ({ ...one, id: callId(prompt, index) }));
      turns.push({ role: 'assistant', text, calls });
      open = calls.map((one) => ({ ...one, begun: false, waitsFor: null }));
      asked = false;
      unanswered = 0;
      final = calls.length === 0 ? { text, finish: String(facts.finish) } : null;
      if (calls.length === 0) flush();
    } else if (kind === 'message') {
      if (facts.by === 'gatehouse') repairs += 1;
      else steered = true;
      queued.push({ text: textOf(content), own: facts.by === 'person' });
      if (!asked && open.length === 0) flush();
    } else if (kind === 'result') {
      results.set(call, textOf(content));
      called.push({ tool: String(facts.tool ?? ''), status: String(facts.status) });
      const seen = JSON.stringify([signatures.get(call) ?? call, facts.outcome ?? null]);
      alike.set(seen, (alike.get(seen) ?? 0) + 1);
      settle();
    } else {
      const one = open.find(({ id }) => id === call);
      if (kind === 'call') signatures.set(call, String(facts.digest));
      if (one && kind === 'call') one.begun = true;
      if (one && kind === 'wait') one.waitsFor = String(facts.decision);
    }
  }
  return {
    turns: [...turns, ...(open.length === 0 ? queued.map(({ text }): Turn => ({ role: 'user', text })) : [])],
    personal,
    summary,
    triedTurns,
    open: open.filter(({ id }) => !results.has(id)),
    final: queued.length === 0 ? final : null,
    unanswered,
    repairs,
    steered,
    goesRound: [...alike.values()].some((count) => count >= mostAlike),
    called,
    last: steps.at(-1)?.number ?? 0,
  };
}

const textOf = (content: Step['content']): string => (typeof content?.text === 'string' ? content.text : '');
