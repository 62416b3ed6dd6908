import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackAgent } from '../../attack/agent/attack.ts';

test('attack: a share of `npm run attack -- agent`, over all kinds', async () => {
  const lines: string[] = [];
  const { bars } = await attackAgent({ say: (line) => lines.push(line), every: 5 });
  const missed = bars.filter(({ ok }) => !ok).map(({ name, value }) => `${name}: ${value}`);
  assert.deepEqual(missed, [], lines.join('\n'));
});
