import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { until } from '../approvals/support.ts';
import type { AgentRequest } from '../../../gateway/agent/index.ts';
import type { Answer } from '../../fixtures/openai/index.ts';
import { asked, openRun, type House } from './house.ts';
import { runIn, says, type Site } from './support.ts';

/** One call of a recorded run, and what became of it. */
export interface RecordedCall {
  /** Its place: the step of its question, and its place in the answer. */
  call: string;
  tool: string;
  /** What the policy said, with its codes; null for a call that reached no rule. */
  decision: { effect: string; reasons: string[] } | null;
  /** How it ended. */
  status: string;
}

/** A run that was recorded: what it was asked, what model and people answered, and what was decided. */
export interface Journal {
  about: string;
  /** The message that it was started for. */
  text: string;
  request: Partial<AgentRequest>;
  answers: Answer[];
  /** What is voted on each question to people, in their order. */
  votes: ('approve' | 'reject')[];
  calls: RecordedCall[];
  endedBy: string | null;
}

const ends = ['done', 'failed', 'stopped'] as const;
const folder = new URL('./journals/', import.meta.url);

/** @returns the recorded runs, by the names of their files */
export const journals = (): [name: string, journal: Journal][] =>
  readdirSync(folder)
    .sort()
    .map((name) => [name, JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Journal]);

/** Takes what happens now for what was recorded. */
export const record = (name: string, journal: Journal): void =>
  writeFileSync(new URL(name, folder), `${JSON.stringify(journal, null, 2)}\n`);

/** Runs a recorded run anew, with the recorded answers of its model and of people, against the rules of today. */
export async function replay(
  { model }: Site,
  house: House,
  { text, request, answers, votes }: Journal,
): Promise<Pick<Journal, 'calls' | 'endedBy'>> {
  model.script = says(...answers);
  const context = await openRun(house.pool, { text });
  const { id } = await house.agent.start(context, asked(request));
  for (const verdict of votes) {
    const { state, waitsFor } = await runIn(house, context, id, ...ends, 'waiting');
    // Nobody is asked any more what people were asked then: the decisions say so.
    if (state !== 'waiting') break;
    for (const approvalId of waitsFor)
      await house.approvals.vote({ approvalId, principal: 'approver-a', verdict, channel: 'web' });
    await until(async () => (await house.agent.show(context, id)).waitsFor.join() !== waitsFor.join());
  }
  const { state, endedBy } = await runIn(house, context, id, ...ends, 'waiting');
  const { rows } = await house.pool.query<RecordedCall & { effect: string | null; reasons: string[] }>(
    `select s.facts ->> 'call' as call, coalesce(s.facts ->> 'tool', s.content ->> 'name') as tool, d.effect,
       array(select r ->> 'code' from jsonb_array_elements(d.reasons) as r) as reasons,
       coalesce((select r.facts ->> 'status' from agent_steps r
         where r.run_id = s.run_id and r.kind = 'result' and r.facts ->> 'call' = s.facts ->> 'call'), $2) as status
     from agent_steps s left join decisions d on d.step = 'agent:' || s.run_id || ':' || (s.facts ->> 'call')
     where s.run_id = $1 and s.kind = 'call' order by s.number`,
    [id, state],
  );
  const calls = rows.map(({ call, tool, effect, reasons, status }) => ({
    ...{ call, tool, status },
    decision: effect === null ? null : { effect, reasons },
  }));
  return { calls, endedBy };
}
