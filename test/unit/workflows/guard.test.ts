import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { repository } from '../../../gateway/cli/up/index.ts';
import {
  findUngoverned,
  readExemptions,
  readWorkflow,
  withoutExempted,
} from '../../../gateway/workflows/index.ts';
import { calling, flow, found, holds } from './flow.ts';

describe('the flow guard', () => {
  holds([
    [
      'connections whose two ends name different types count as both',
      readWorkflow(
        {
          id: 'a',
          name: 'a',
          nodes: [
            { name: 'W', type: 'n8n-nodes-base.webhook' },
            { name: 'G', type: '@n8n/n8n-nodes-langchain.agent' },
            { name: 'T', type: 'n8n-nodes-base.httpRequestTool' },
          ],
          connections: {
            W: {
              main: [
                null,
                [
                  { node: 'G', type: 'main', index: 0 },
                  { node: 'gone', type: 'main', index: 0 },
                ],
              ],
            },
            T: { main: [[{ node: 'G', type: 'ai_tool', index: 0 }]] },
            gone: { main: [[{ node: 'T', type: 'main', index: 0 }]] },
          },
        },
        'a',
      ),
      ['GH-FLOW-004 T'],
    ],
  ]);

  it('finds nothing in the workflows that ship', async () => {
    const folder = join(repository, 'workflows-json');
    const shipped = readdirSync(folder).map((file) =>
      readWorkflow(JSON.parse(readFileSync(join(folder, file), 'utf8')), file),
    );
    assert.ok(shipped.length >= 3);
    const exemptions = await readExemptions(join(repository, 'policies'));
    assert.deepEqual(withoutExempted(findUngoverned(shipped), exemptions, new Date()), {
      findings: [],
      unused: [],
    });
  });

  it('judges one workflow by what passes through it, here and in what it calls', () => {
    const world = [
      flow('a', { W: 'webhook', R: calling('b') }, ['W > R']),
      flow('b', { S: 'called', H: 'http', P: 'policy', R: calling('c') }, ['S > H', 'H > P', 'P:1 > R']),
      flow('c', { S: 'called', C: 'slack' }, ['S > C']),
      flow('d', { W: 'webhook', R: calling('c') }, ['W > R']),
    ];
    assert.deepEqual(found(world), ['GH-FLOW-006 b/H', 'GH-FLOW-006 c/C']);
    assert.deepEqual(found(world, 'a'), ['GH-FLOW-006 b/H']);
    assert.deepEqual(found(world, 'b'), ['GH-FLOW-006 b/H']);
    assert.deepEqual(found(world, 'd'), ['GH-FLOW-006 c/C']);
  });

  it('says which node, what it does, which way, and how to mend it', () => {
    const [finding] = findUngoverned([
      flow('a', { Hook: 'webhook', 'Policy Check': 'policy', Fields: 'set', 'Post It': 'slack' }, [
        'Hook > Policy Check',
        'Policy Check > Fields',
        'Fields > Post It',
      ]),
    ]);
    assert.deepEqual(finding, {
      code: 'GH-FLOW-002',
      workflow: { id: 'a', name: 'Flow a' },
      node: { id: 'a-Post It', name: 'Post It', type: 'n8n-nodes-base.slack' },
      why: '"Post It" posts messages to people, and it can be reached from "Policy Check" on an output other than Allowed.',
      remedy: 'Connect it only to the output Allowed of "Policy Check", or put a gate of its own before it.',
      path: ['Hook', 'Policy Check', 'Fields', 'Post It'],
    });
  });

  it('refuses what can be read in two ways', () => {
    const twice = {
      id: 'a',
      name: 'a',
      nodes: [1, 2].map(() => ({ name: 'N', type: 't' })),
      connections: {},
    };
    assert.throws(() => readWorkflow(twice, 'file.json'), {
      code: 'GH-FLOW-007',
      message: 'file.json: nodes: two nodes have one name',
    });
    assert.throws(() => readWorkflow({ nodes: [] }, 'file.json'), { code: 'GH-FLOW-007' });
  });
});
