import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dropAbandoned } from '../../../gateway/cli/up/n8n.ts';

test('bodies that a killed n8n left behind are deleted before it starts again; those of executions stay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-n8n-'));
  const body = (execution: string): string => {
    const path = join(folder, '.n8n/storage/workflows/wf1/executions', execution, 'binary_data');
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'body'), 'text');
    return join(path, 'body');
  };
  const [abandoned, waiting] = [body('temp'), body('42')];
  dropAbandoned(folder);
  dropAbandoned(join(folder, 'nothing-here'));
  assert.equal(existsSync(abandoned), false);
  assert.equal(existsSync(waiting), true);
  rmSync(folder, { recursive: true });
});
