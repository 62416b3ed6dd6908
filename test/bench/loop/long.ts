import { setTimeout } from 'node:timers/promises';
import type { ShownRun } from '../../../gateway/agent/index.ts';
import type { Asked } from '../../fixtures/openai/index.ts';
import { asked, openRun } from '../../unit/agent/house.ts';
import { isSummary, plantFacts, remembering } from '../../unit/agent/remembering.ts';
import { site } from '../../unit/agent/support.ts';

const files = 160;
const length = 700;

/** What a long conversation took, and what of it was known at its end. */
export interface Long {
  tokens: number;
  summaries: number;
  /** Of the planted facts. */
  known: number;
  planted: number;
  /** Bytes of the questions, and how many of them the next one begins with. */
  bytes: number;
  kept: number;
}

const models = (history: string) => (url: string) => `
endpoints:
  here: { url: '${url}', secret: model/key, local: true, highest: personal }
models:
  one: { endpoint: here, class: large, context: 1000000, output: 1000 }
tasks: { plan: [one], summarise: [one] }
budgets: [{ per: run, steps: 300, calls: 300, tokens: 100000000, seconds: 3600 }]
${history}
`;

/** Reads many files in one run, with a model that knows nothing but what it is sent. @param whole without summaries */
export async function longConversation(whole: boolean): Promise<Long> {
  const ends: (() => Promise<void>)[] = [];
  const context = { after: (work: () => Promise<void>) => void ends.push(work) };
  try {
    const at = await site(context, models(whole ? 'history: { upTo: 1000000 }' : ''));
    const { filesDir, facts } = await plantFacts(context, { files, length });
    const house = await at.house(undefined, undefined, { files: { filesDir, reserved: [] } });
    at.model.script = remembering(files);
    const run = await openRun(house.pool, { text: 'What do the notes say?' });
    await house.pool.query('update runs set calls_left = 300');
    const { id } = await house.agent.start(run, asked());
    house.agent.work();
    const done = await ended(() => house.agent.show(run, id));
    const said = done.result?.text ?? '';
    const sent = at.model.asked.filter((one) => !isSummary(one)).map(bodyOf);
    return {
      tokens: done.used.tokensIn + done.used.tokensOut,
      summaries: at.model.asked.filter(isSummary).length,
      known: done.state === 'done' ? facts.filter((fact) => said.split('\n').includes(fact)).length : 0,
      planted: facts.length,
      bytes: sent.slice(0, -1).reduce((sum, body) => sum + body.length, 0),
      kept: sent.slice(1).reduce((sum, body, index) => sum + sameOf(sent[index] ?? '', body), 0),
    };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** Waits for the end of a run, however long that takes. */
async function ended(show: () => Promise<ShownRun>): Promise<ShownRun> {
  for (;;) {
    const run = await show();
    if (run.finishedAt !== null) return run;
    await setTimeout(200);
  }
}

/** A question as one text that the next one can begin with. */
export const bodyOf = ({ tools, turns }: Asked): string => JSON.stringify([tools, turns]).slice(0, -2);

/** How many characters the second text begins with of the first. */
export function sameOf(first: string, second: string): number {
  let same = 0;
  while (same < first.length && first[same] === second[same]) same += 1;
  return same;
}
