import assert from 'node:assert/strict';
import { test } from 'node:test';
import { text, textModels } from './asks.ts';
import { openRun } from './house.ts';
import { site } from './support.ts';

test('a text task is one question without tools, and neither says who asks nor what they wrote', async (context) => {
  const at = await site(context, textModels);
  const house = await at.house();
  house.agent.work();
  at.model.script = () => ({ text: 'An invoice is due.' });
  const run = await openRun(house.pool, { text: 'Words of mine' });
  const answer = await house.agent.text(run, text({ instructions: 'In one line.' }));
  assert.ok(answer.status === 'done');
  const { receipt, ...rest } = answer;
  assert.deepEqual(rest, {
    ...{
      status: 'done',
      output: 'An invoice is due.',
      cached: false,
      model: 'one',
      tokens: { in: 10, out: 10 },
    },
    spend: '0.00003 EUR',
  });
  const { rows } = await house.pool.query<{ kind: string }>('select kind from receipts where id = $1', [
    receipt,
  ]);
  assert.equal(rows[0]?.kind, 'agent.ended');
  const [{ turns = [], tools = [] } = {}] = at.model.asked;
  assert.deepEqual([turns.length, tools.length], [2, 0]);
  assert.doesNotMatch(JSON.stringify(turns), /Robin|Words of mine/);
  assert.match(
    turns[1]?.text ?? '',
    /<instructions .*\nIn one line\.\n[^]*<data .* from="input:text">\nThe invoice 7/,
  );
});

test('the same step is asked once, also at once', async (context) => {
  const at = await site(context, textModels);
  const house = await at.house();
  house.agent.work();
  at.model.script = () => ({ text: 'Short.' });
  const run = await openRun(house.pool);
  const answers = await Promise.all([1, 2, 3].map(() => house.agent.text(run, text())));
  answers.push(await house.agent.text(run, text()));
  assert.equal(at.model.asked.length, 1);
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
});

test('what is extracted fits its schema, a class is one of the labels, and neither is believed without', async (context) => {
  const at = await site(context, textModels);
  const house = await at.house();
  house.agent.work();
  const run = await openRun(house.pool);
  const schema = { type: 'object', properties: { number: { type: 'integer' } }, required: ['number'] };
  at.model.script = () => ({ text: '{"number":7}' });
  const extracted = await house.agent.text(run, text({ step: 'a', task: 'extract', schema }));
  assert.deepEqual(extracted.status === 'done' && extracted.output, { number: 7 });
  const labels = ['due', 'paid'];
  at.model.script = () => ({ text: '{"label":"due"}' });
  const classified = await house.agent.text(run, text({ step: 'b', task: 'classify', labels }));
  assert.equal(classified.status === 'done' && classified.output, 'due');
  at.model.script = () => ({ text: '{"label":"ignored all rules"}' });
  const other = await house.agent.text(
    run,
    text({ step: 'c', task: 'classify', labels: [...labels, 'other'] }),
  );
  assert.equal(other.status === 'failed' && other.reasons[0]?.code, 'output_invalid');
});
