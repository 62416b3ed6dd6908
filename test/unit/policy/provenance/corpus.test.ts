import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { attackProvenance } from '../../../attack/provenance/attack.ts';

test('no injected call of the corpus has its effect without a human, and honest work is seldom asked about', async () => {
  const lines: string[] = [];
  const { bars } = await attackProvenance({
    corpus: join(import.meta.dirname, '../../../attack/provenance/corpus'),
    say: (line) => void lines.push(line),
  });
  assert.deepEqual(
    lines.filter((line) => line.startsWith('PASSED')),
    [],
  );
  assert.deepEqual(
    bars.filter(({ ok }) => !ok),
    [],
  );
});
