import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { ask, ModelFailed, type Answer, type Model } from '../../../gateway/agent/models/index.ts';
import { createEgress } from '../../../gateway/egress/index.ts';
import { FakeOpenAi } from '../../fixtures/openai/index.ts';

/** A model, and how it is asked by one process. */
async function asking(
  context: TestContext,
  api: 'chat' | 'responses' = 'chat',
): Promise<{ model: FakeOpenAi; once: (signal?: AbortSignal) => Promise<Answer> }> {
  const model = await new FakeOpenAi().start();
  context.after(() => model.stop());
  const egress = createEgress();
  const at = { url: model.url, api, local: true, networks: ['127.0.0.0/8'], highest: 'personal' as const };
  const one: Model = {
    ...{ name: 'one', endpoint: 'here', class: 'large', price: { in: '0', out: '0' }, at },
    ...{ context: 1000, output: 100, timeoutSeconds: 600 },
  };
  const question = { turns: [{ role: 'user' as const, text: 'Hello' }], tools: [], schema: null };
  return {
    model,
    once: (signal = new AbortController().signal) => ask(egress, one, question, { key: model.key, signal }),
  };
}

for (const api of ['chat', 'responses'] as const) {
  test(`questions to one endpoint follow each other over one connection (${api})`, async (context) => {
    const { model, once } = await asking(context, api);
    model.script = () => ({ text: 'Hello.' });
    for (let round = 0; round < 4; round += 1) {
      assert.equal((await once()).text, 'Hello.');
      // The answer is there before its end is; the journal takes longer.
      await setTimeout(200);
    }
    // One more where this process was kept from reading an end in time.
    assert.ok(model.connections <= 2, `${model.connections} connections for 4 questions`);
  });
}

test('an answer that has its last word is there, also where its server never ends it', async (context) => {
  const { model, once } = await asking(context);
  model.script = () => ({ text: 'Hello.' });
  model.leavesOpen = true;
  assert.equal((await once()).text, 'Hello.');
  // Such a connection serves nobody else, and is not kept.
  assert.equal((await once()).text, 'Hello.');
  assert.equal(model.connections, 2);
  while (model.brokenOff < 2) await setTimeout(20);
});

test('a question that is broken off takes its connection along', async (context) => {
  const { model, once } = await asking(context);
  const stop = new AbortController();
  model.script = async () => {
    stop.abort();
    return { text: 'Too late.' };
  };
  await assert.rejects(
    once(stop.signal),
    (error) => error instanceof ModelFailed && error.fault === 'stopped',
  );
  while (model.brokenOff < 1) await setTimeout(20);
  model.script = () => ({ text: 'Hello.' });
  assert.equal((await once()).text, 'Hello.');
  assert.equal(model.connections, 2);
});
