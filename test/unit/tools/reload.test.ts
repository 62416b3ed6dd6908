import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTools } from '../../../gateway/tools/index.ts';
import { policiesDir, runOf } from '../policy/support.ts';
import { bench } from './support.ts';

test('a call that was judged under the rules before is decided under those of now', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-reload-'));
  await cp(policiesDir, folder, { recursive: true });
  const at = await bench({}, folder);
  try {
    const policy: typeof at.policy = {
      ...at.policy,
      async judgeTogether(...asked) {
        const judged = await at.policy.judgeTogether(...asked);
        const tool = join(folder, 'tools', 'ledger.balance.yaml');
        await writeFile(tool, (await readFile(tool, 'utf8')).replace('risk: read', 'risk: delete'));
        await at.policy.reload();
        return judged;
      },
    };
    const run = runOf({ messageId: 'web:local:reloaded:0', sessionKey: 'session of reloaded' });
    const call = { tool: 'ledger.balance', args: {}, step: 'x:0:0' };
    const answer = await createTools({ ...at.deps, policy }).execute(run, call);
    assert.equal(answer.status, 'needs_approval');
    const { rows } = await at.db.pool.query<{ effect: string; policy_version: string }>(
      'select effect, policy_version from decisions where message_id = $1',
      [run.messageId],
    );
    assert.deepEqual(rows, [{ effect: 'approve', policy_version: at.policy.version }]);
    assert.equal((await at.db.pool.query('select from attempts')).rows.length, 0);
  } finally {
    await at.close();
    await rm(folder, { recursive: true });
  }
});
