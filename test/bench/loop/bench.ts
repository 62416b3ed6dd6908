import type { Asked } from '../../fixtures/openai/index.ts';
import { asked, openRun, type House } from '../../unit/agent/house.ts';
import { runIn, site, type Site } from '../../unit/agent/support.ts';
import type { Bench } from '../main.ts';
import { atLeast, atMost, median } from '../report.ts';
import { bodyOf, longConversation, sameOf } from './long.ts';

const runs = 20;
const stepsOfOne = 20;

/** What was sent of one conversation, and when each question arrived. */
interface Seen {
  times: number[];
  bodies: string[];
}

/** Runs a conversation in which the model calls `tool` at each step, with other arguments each time. */
async function converse(at: Site, house: House, tool: string): Promise<Seen> {
  const seen: Seen = { times: [], bodies: [] };
  at.model.script = (question: Asked) => {
    seen.times.push(performance.now());
    seen.bodies.push(bodyOf(question));
    if (seen.times.length > stepsOfOne) return { text: 'Done.' };
    return { calls: [{ name: tool, args: { folder: `f${seen.times.length}` } }] };
  };
  const context = await openRun(house.pool, { text: 'Look through the folders' });
  const { id } = await house.agent.start(context, asked());
  await runIn(house, context, id, 'done');
  return seen;
}

/** Milliseconds from one question to the next. */
const gaps = ({ times }: Seen): number[] => times.slice(1).map((time, index) => time - (times[index] ?? 0));

/** The share of each question that the next one begins with. */
const kept = ({ bodies }: Seen): number[] =>
  bodies.slice(1).map((body, index) => {
    const before = bodies[index] ?? '';
    return sameOf(before, body) / before.length;
  });

/** How long the model alone takes for such a question: what the loop's own time is over. */
async function alone(at: Site): Promise<number> {
  const times: number[] = [];
  const { tools, turns } = at.model.asked.at(-1 - stepsOfOne / 2) ?? { tools: [], turns: [] };
  at.model.script = () => ({ calls: [{ name: 'files_list', args: { folder: 'f' } }] });
  const body = JSON.stringify({
    model: 'one',
    stream: true,
    messages: [{ role: 'user', content: turns.map(({ text }) => text).join() }],
    tools: tools.map((tool) => ({ type: 'function', function: tool })),
  });
  for (let round = 0; round < 200; round += 1) {
    const from = performance.now();
    const answer = await fetch(`${at.model.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${at.model.key}`, 'content-type': 'application/json' },
      body,
    });
    await answer.text();
    times.push(performance.now() - from);
  }
  return median(times);
}

/** What the loop adds to each answer of a model, its journal and the receipts of it included. */
export const bench: Bench = async (say) => {
  const ends: (() => Promise<void>)[] = [];
  const at = await site({ after: (work) => void ends.push(work) });
  try {
    const house = await at.house();
    house.agent.work();
    const measured = async (tool: string): Promise<Seen[]> => {
      const list: Seen[] = [];
      // The first one warms up and is not counted.
      for (let run = 0; run <= runs; run += 1) {
        const seen = await converse(at, house, tool);
        if (run > 0) list.push(seen);
      }
      say(`loop, ${tool}: ${median(list.flatMap(gaps)).toFixed(1)} ms a step`);
      return list;
    };
    // A name that is not on offer is answered by the loop itself: no decision, no call.
    const own = await measured('not_offered');
    const whole = await measured('files_list');
    const model = await alone(at);
    const ownMs = median(own.flatMap(gaps)) - model;
    const resent = await longConversation(true);
    const short = await longConversation(false);
    say(`loop, long conversations: ${short.tokens} tokens, ${resent.tokens} where all is resent`);
    const shares = [...own, ...whole].flatMap(kept);
    return {
      results: [
        { what: 'the scripted model alone, an answer', value: model, unit: 'ms' },
        { what: 'the loop over it, a step', value: ownMs, unit: 'ms' },
        {
          what: 'the loop over it, a step with a call that is decided and attested',
          value: median(whole.flatMap(gaps)) - model,
          unit: 'ms',
        },
        { what: 'tokens of a conversation of 160 results of 700 characters', value: short.tokens, unit: '' },
        { what: 'tokens of it where all is resent', value: resent.tokens, unit: '' },
        { what: 'summaries in it', value: short.summaries, unit: '' },
      ],
      bars: [
        atMost('ms of the loop over the model’s answer, p50', ownMs, 10),
        atLeast('share of a question that the next one begins with, least', Math.min(...shares), 0.95),
        atLeast(
          'share of the bytes of a long conversation that the next question begins with',
          short.kept / short.bytes,
          0.95,
        ),
        atMost(
          'tokens of a long conversation over those where all is resent',
          short.tokens / resent.tokens,
          0.4,
        ),
        atLeast('share of the planted facts that are known at its end', short.known / short.planted, 1),
        atLeast('share of them where all is resent', resent.known / resent.planted, 1),
      ],
    };
  } finally {
    for (const end of ends) await end();
  }
};
