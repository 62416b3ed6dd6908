import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installLlama } from '../../../gateway/cli/up/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { serveModel } from '../../../gateway/inference/index.ts';
import { cpuModel, cpuModelThere } from '../../support/cpu-model.ts';
import { text, textModels } from './asks.ts';
import { openRun } from './house.ts';
import { site } from './support.ts';

test(
  'a text is classified by a real model of this machine, whose answer is one of the labels',
  { skip: !cpuModelThere() && 'no model' },
  async (context) => {
    const server = await serveModel({
      ...{ library: await installLlama(() => undefined), file: cpuModel(), port: 0, queue: 4, threads: 1 },
      ...{ context: 2048, log: createLogger('silent', 'models') },
    });
    context.after(() => server.stop());
    const models = textModels(server.url).replace('output: 1000', 'context: 2048, output: 64');
    const house = await (await site(context, () => models)).house();
    house.agent.work();
    const labels = ['billing', 'fault', 'other'];
    const answer = await house.agent.text(
      await openRun(house.pool),
      text({ task: 'classify', text: 'I was charged twice', labels }),
    );
    assert.ok(answer.status === 'done', JSON.stringify(answer));
    assert.ok(labels.includes(String(answer.output)));
    assert.ok(answer.tokens.in > 50 && answer.tokens.out > 3 && answer.model === 'one');
  },
);
