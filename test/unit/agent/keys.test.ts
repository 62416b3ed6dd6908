import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgress, type AgentDeps } from '../../../gateway/agent/index.ts';
import { answerOf, runOfText } from '../../../gateway/agent/texts.ts';
import type { Outgoing } from '../../../gateway/channels/index.ts';
import { GatehouseError } from '../../../gateway/config/index.ts';
import type { Leases } from '../../../gateway/vault/index.ts';
import { until } from '../approvals/support.ts';
import { text, textModels } from './asks.ts';
import { asked, openRun, type House } from './house.ts';
import { runIn, says, site, type Site } from './support.ts';

/** A site without the key of its model, and what its chat is shown. */
async function keyless(
  context: Parameters<typeof site>[0],
  models?: Parameters<typeof site>[1],
  change: (deps: AgentDeps) => Partial<AgentDeps> = () => ({}),
): Promise<{ at: Site; house: House; shown: Outgoing[] }> {
  const at = await site(context, (url) =>
    (models ?? plain)(url).replace('secret: model/key', 'secret: models/missing'),
  );
  const shown: Outgoing[] = [];
  const chat = {
    progress: (_tx: unknown, { body }: { body: Outgoing }) => Promise.resolve(shown.push(body) > 0),
  };
  const house = await at.house((deps) => ({
    progress: createProgress({ ...deps, chat, publicUrl: 'https://gate.example.com' }, quick),
    ...change(deps),
  }));
  house.agent.work();
  return { at, house, shown };
}
const plain = (url: string): string => `
endpoints:
  here: { url: '${url}', secret: model/key, local: true, highest: personal }
models:
  one: { endpoint: here, class: large, output: 1000 }
tasks: { plan: [one] }
`;
const quick = { firstMs: 20, restMs: 40 };

const look = async ({ pool }: House, id: string): Promise<void> => {
  await pool.query(`update agent_runs set wake_at = now() where id = $1 and state = 'waiting'`, [id]);
};
const questions = async ({ pool }: House, id: string): Promise<number> => {
  const { rows } = await pool.query(`select from agent_steps where run_id = $1 and kind = 'prompt'`, [id]);
  return rows.length;
};
/** Lets the run look for its key again, so often. */
async function lookAgain(house: House, id: string, times: number): Promise<void> {
  const claims = async (): Promise<number> => {
    const { rows } = await house.pool.query<{ claim: number }>('select claim from agent_runs where id = $1', [
      id,
    ]);
    return rows[0]?.claim ?? 0;
  };
  const before = await claims();
  await until(async () => {
    await look(house, id);
    return (await claims()) >= before + times;
  });
}

test('a run without a key waits for it, says so once in chat, and goes on by itself', async (context) => {
  const { at, house, shown } = await keyless(context);
  at.model.script = says({ text: 'Here it is.' });
  const run = await openRun(house.pool);
  const { id } = await house.agent.start(run, asked());
  const waiting = await runIn(house, run, id, 'waiting');
  assert.deepEqual(waiting.lacks, {
    code: 'model_key_missing',
    text: 'The secret models/missing is not set.',
    next: 'Run gatehouse secret set models/missing.',
  });
  await until(() => shown.some(({ text }) => text.includes('its key cannot be had')));
  await lookAgain(house, id, 3);
  const told = shown.filter(({ text }) => text.includes('its key cannot be had'));
  assert.equal(told.length, 1);
  assert.match(
    told[0]?.text ?? '',
    /secret models\/missing is not set.*gatehouse secret set models\/missing[^]*goes on by itself[^]*\(model_key_missing\)$/,
  );
  assert.equal(await questions(house, id), 1, 'what cannot be asked is not begun again, and ends no run');
  await house.store.set('models/missing', at.model.key);
  await look(house, id);
  const done = await runIn(house, run, id, 'done');
  assert.deepEqual([done.lacks, done.result?.text], [null, 'Here it is.']);
  const leases = await house.pool.query('select from leases where ended_at is null');
  assert.equal(leases.rows.length, 0);
});

test('a store that is sealed is waited for, and what it says is told', async (context) => {
  let sealed = true;
  const refuse = (): never => {
    throw new GatehouseError('GH-VAULT-011', 'The secret store main is sealed.', { next: 'Unseal it.' });
  };
  const { at, house, shown } = await keyless(context, undefined, ({ leases }) => ({
    leases: {
      ...leases,
      lend: (...of: Parameters<Leases['lend']>) => (sealed ? refuse() : leases.lend(...of)),
      check: (secret: string) => (sealed ? refuse() : leases.check(secret)),
    },
  }));
  await house.store.set('models/missing', at.model.key);
  at.model.script = says({ text: 'Here it is.' });
  const run = await openRun(house.pool);
  const { id } = await house.agent.start(run, asked());
  await until(() => shown.some(({ text }) => text.includes('store main is sealed')));
  assert.equal((await house.agent.show(run, id)).lacks?.code, 'model_key_unavailable');
  sealed = false;
  await look(house, id);
  await runIn(house, run, id, 'done');
});

test('another model of the task is asked where the key of the first is missing', async (context) => {
  const { at, house } = await keyless(
    context,
    (url) => `
endpoints:
  here: { url: '${url}', secret: model/key, local: true, highest: personal }
  there: { url: '${url}', secret: 'model/key', local: true, highest: personal }
models:
  one: { endpoint: here, class: large, output: 1000 }
  two: { endpoint: there, class: large, output: 1000 }
tasks: { plan: [one, two] }
`,
  );
  await house.store.set('model/key', at.model.key);
  at.model.script = says({ text: 'Here it is.' });
  const run = await openRun(house.pool);
  const { id } = await house.agent.start(run, asked());
  const done = await runIn(house, run, id, 'done');
  const [, second] = done.steps.filter(({ kind }) => kind === 'prompt');
  assert.deepEqual([second?.model, second?.facts.passed], ['two', ['one:key']]);
});

test('a text task says which key it waits for, and that the same step asks again', async (context) => {
  const { at, house } = await keyless(context, textModels);
  at.model.script = says({ text: 'Short.' });
  const run = await openRun(house.pool);
  const { id } = await house.agent.start(run, runOfText(text()));
  await runIn(house, run, id, 'waiting');
  const answer = await answerOf(house.deps, { id }, () => house.agent.show(run, id), 0);
  assert.ok(answer.status === 'failed');
  assert.deepEqual(
    answer.reasons.map(({ code }) => code),
    ['model_key_missing', 'text_pending'],
  );
  assert.match(answer.text, /gatehouse secret set models\/missing.*goes on by itself/);
  await house.store.set('models/missing', at.model.key);
  await look(house, id);
  const later = await house.agent.text(run, text());
  assert.equal(later.status === 'done' && later.output, 'Short.');
});
