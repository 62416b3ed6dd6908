import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { allowanceOf } from '../../../gateway/agent/budgets.ts';
import { asked, openRun } from './house.ts';
import { calls, plainModels, runIn, site } from './support.ts';

/** A model that goes on and on, with another question each time. */
const endless = (): (() => ReturnType<typeof calls>) => {
  let count = 0;
  return () => calls(['files.list', { folder: `f${(count += 1)}` }]);
};

test('a run ends with its budget of steps, calls, tokens or money, and says what was achieved', async (context) => {
  const at = await site(context);
  const house = await at.house();
  house.agent.work();
  for (const [budget, what] of [
    [
      { steps: 2 },
      /^The budget of this run is 2 steps, 2 steps are used, and the next step may take 1 steps\./,
    ],
    [{ calls: 2 }, /^The budget of this run is 2 calls, 2 calls are used/],
    [
      { tokens: 12_000 },
      /^The budget of this run is 12000 tokens, \d+ tokens are used, and the next step may take/,
    ],
    [{ spend: '0.013' }, /^The budget of this run is 0\.013 EUR, 0\.000\d+ EUR are used/],
  ] as const) {
    at.model.script = endless();
    const run = await openRun(house.pool);
    const { id } = await house.agent.start(run, asked({ budget, tools: null }));
    const stopped = await runIn(house, run, id, 'stopped');
    assert.equal(stopped.endedBy, 'budget', JSON.stringify(budget));
    assert.match(stopped.result?.text ?? '', what);
    assert.match(stopped.result?.text ?? '', /Until then: files\.list /);
  }
  const { rows } = await house.pool.query(`select from reservations where decision_id like 'agent:%'`);
  assert.equal(rows.length, 0);
});

test('a day that is spent for one run is spent for the next, also where two start at once', async (context) => {
  const at = await site(context, (url) => `${plainModels(url)}\nbudgets: [{ per: day, steps: 3 }]\n`);
  const house = await at.house();
  const other = await at.house();
  house.agent.work();
  other.agent.work();
  at.model.script = () => ({ text: 'Fine.' });
  const runs = await Promise.all(Array.from({ length: 6 }, () => openRun(house.pool)));
  const ids = await Promise.all(runs.map((run) => house.agent.start(run, asked())));
  const ended = await Promise.all(
    ids.map(({ id }, index) => runIn(house, runs[index]!, id, 'done', 'stopped')),
  );
  assert.equal(ended.filter(({ state }) => state === 'done').length, 3);
  assert.equal(at.model.asked.length, 3);
});

test('a question that a model did not take gives back what it took, and one that may be paid does not', async (context) => {
  const at = await site(context, (url) => `${plainModels(url)}\nbudgets: [{ per: day, tokens: 1000000 }]\n`);
  const house = await at.house();
  house.agent.work();
  const used = async (): Promise<number> => {
    const { rows } = await house.pool.query<{ used: string }>(
      `select coalesce(sum(used), 0) as used from budgets where budget = 'agent.day.tokens'`,
    );
    return Number(rows[0]?.used);
  };
  at.model.script = () => ({ status: 429 });
  const run = await openRun(house.pool);
  const first = await house.agent.start(run, asked());
  await runIn(house, run, first.id, 'waiting');
  assert.equal(await used(), 0);
  await house.agent.stop(run, first.id);
  at.model.script = () => ({ hangsUp: true });
  const second = await house.agent.start(run, asked({ step: 'b' }));
  await runIn(house, run, second.id, 'waiting');
  assert.ok((await used()) > 1000);
});

test('models.yaml says what one run may use, a caller lowers it, and where nobody says anything there is an end all the same', () => {
  const file = { budgets: [{ per: 'run' as const, steps: 200 }] };
  assert.equal(allowanceOf(file, {}).steps, 200);
  assert.equal(allowanceOf(file, { steps: 500 }).steps, 200);
  assert.equal(allowanceOf(file, { steps: 5 }).steps, 5);
  assert.equal(allowanceOf({ budgets: [] }, { steps: 500 }).steps, 30);
  assert.equal(allowanceOf({ budgets: [] }, {}).calls, 50);
});

test('each default is said where the file is documented, and the file may say more than any of them', async () => {
  const usual = allowanceOf({ budgets: [] }, {});
  const words = (await readFile(new URL('../../../docs/agent.md', import.meta.url), 'utf8')).replace(
    /\s+/g,
    ' ',
  );
  const { steps, calls: most, tokens, seconds } = usual;
  assert.ok(
    words.includes(
      `it is ${steps} steps, ${most} calls, ${tokens} tokens and ${seconds} seconds, and no bound`,
    ),
  );
  assert.equal(usual.spend, undefined);
  for (const unit of ['steps', 'calls', 'tokens', 'seconds'] as const) {
    const more = (usual[unit] ?? 0) * 10;
    const file = { budgets: [{ per: 'run' as const, [unit]: more }] };
    const said = allowanceOf(file, {});
    assert.deepEqual(said, { ...usual, [unit]: more });
    assert.deepEqual(allowanceOf(file, { [unit]: more + 1 }), said, 'a caller raises nothing');
  }
});
