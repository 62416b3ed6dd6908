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
  type Workflow,
} from '../../../gateway/workflows/index.ts';
import { flow } from './flow.ts';

const off = { disabled: true };
const calling = (workflowId: unknown, more = {}): [string, Record<string, unknown>] => [
  'run',
  { parameters: { workflowId, ...more } },
];
const chosen = (value: string): object => ({ __rl: true, mode: 'list', value });

/** What is found, as `code node`. */
const found = (workflows: Workflow[], subject?: string): string[] =>
  findUngoverned(workflows, subject).map(({ code, workflow, node }) =>
    workflows.length > 1 ? `${code} ${workflow.id}/${node.name}` : `${code} ${node.name}`,
  );

const shapes: [promise: string, workflows: Workflow | Workflow[], findings: string[]][] = [
  [
    'a node on Allowed is governed',
    flow('a', { W: 'webhook', P: 'policy', H: 'http' }, ['W > P', 'P:1 > H']),
    [],
  ],
  [
    'so is one on Approved, which Needs Approval leads to',
    flow('a', { W: 'webhook', P: 'policy', A: 'approval', H: 'http' }, [
      'W > P',
      'P:1 > H',
      'P:2 > A',
      'A:1 > H',
    ]),
    [],
  ],
  [
    'and everything after it',
    flow('a', { W: 'webhook', P: 'policy', S: 'set', H: 'http', C: 'slack' }, [
      'W > P',
      'P:1 > S',
      'S > H',
      'H > C',
    ]),
    [],
  ],
  ['a bare node is not', flow('a', { W: 'webhook', H: 'http' }, ['W > H']), ['GH-FLOW-001 H']],
  [
    'nor is one with a way around the gate',
    flow('a', { W: 'webhook', P: 'policy', S: 'set', H: 'http' }, ['W > P', 'P:1 > H', 'W > S', 'S > H']),
    ['GH-FLOW-001 H'],
  ],
  [
    'nor one behind a merge of a governed and a free branch',
    flow('a', { W: 'webhook', P: 'policy', M: 'merge', H: 'http' }, ['W > P', 'P:1 > M', 'W > M', 'M > H']),
    ['GH-FLOW-001 H'],
  ],
  [
    'nor one with a second trigger behind the gate',
    flow('a', { W: 'webhook', T: 'schedule', P: 'policy', S: 'set', H: 'http' }, [
      'W > P',
      'P:1 > S',
      'T > S',
      'S > H',
    ]),
    ['GH-FLOW-001 H'],
  ],
  [
    'nor one with a trigger that is wired as if it came after the gate',
    flow('a', { W: 'webhook', T: 'schedule', P: 'policy', H: 'http' }, ['W > P', 'P:1 > T', 'T > H']),
    ['GH-FLOW-001 H'],
  ],
  [
    'nor one on Blocked',
    flow('a', { W: 'webhook', P: 'policy', H: 'http' }, ['W > P', 'P > H']),
    ['GH-FLOW-002 H'],
  ],
  [
    'nor one on Blocked, further on',
    flow('a', { W: 'webhook', A: 'approval', S: 'set', H: 'http' }, ['W > A', 'A > S', 'S > H', 'A:1 > H']),
    ['GH-FLOW-002 H'],
  ],
  [
    'nor one on Needs Approval',
    flow('a', { W: 'webhook', P: 'policy', H: 'http' }, ['W > P', 'P:2 > H']),
    ['GH-FLOW-002 H'],
  ],
  [
    'nor one on the error output of a gate',
    flow('a', { W: 'webhook', P: ['policy', { onError: 'continueErrorOutput' }], H: 'http' }, [
      'W > P',
      'P:3 > H',
    ]),
    ['GH-FLOW-002 H'],
  ],
  [
    'nor one that a gate feeds which always gives data',
    flow(
      'a',
      {
        W: 'webhook',
        A: ['approval', { alwaysOutputData: true, onError: 'continueRegularOutput' }],
        H: 'http',
      },
      ['W > A', 'A > H'],
    ),
    ['GH-FLOW-002 H'],
  ],
  [
    'nor one behind a gate that is deactivated',
    flow('a', { W: 'webhook', P: ['policy', off], H: 'http' }, ['W > P', 'P:1 > H']),
    ['GH-FLOW-003 H'],
  ],
  [
    'a gate after a deactivated one governs',
    flow('a', { W: 'webhook', P: ['policy', off], A: 'approval', H: 'http' }, ['W > P', 'P > A', 'A:1 > H']),
    [],
  ],
  [
    'a deactivated node does nothing, but passes on',
    flow('a', { W: 'webhook', H: ['http', off], C: 'slack' }, ['W > H', 'H > C']),
    ['GH-FLOW-001 C'],
  ],
  ['a deactivated trigger starts nothing', flow('a', { W: ['webhook', off], H: 'http' }, ['W > H']), []],
  ['what nothing starts never runs', flow('a', { W: 'webhook', H: 'http', C: 'slack' }, ['H > C']), []],
  [
    'a gate in a loop governs what follows it in the round, not what comes after the loop',
    flow('a', { W: 'webhook', L: 'loop', P: 'policy', H: 'http', C: 'slack' }, [
      'W > L',
      'L:1 > P',
      'P:1 > H',
      'H > L',
      'L > C',
    ]),
    ['GH-FLOW-001 C'],
  ],
  [
    'a loop behind a gate is governed',
    flow('a', { W: 'webhook', P: 'policy', L: 'loop', H: 'http' }, ['W > P', 'P:1 > L', 'L:1 > H', 'H > L']),
    [],
  ],
  [
    'a way back from Blocked into the round does not count as allowed',
    flow('a', { W: 'webhook', P: 'policy', S: 'set', H: 'http' }, ['W > P', 'P > S', 'P:1 > S', 'S > H']),
    ['GH-FLOW-002 H'],
  ],
  [
    'Vault Credential and Sandboxed Agent ask for themselves',
    flow('a', { W: 'webhook', V: 'vault', S: 'sandbox' }, ['W > V', 'V:1 > S']),
    [],
  ],
  [
    'but allow nothing for what follows',
    flow('a', { W: 'webhook', V: 'vault', H: 'http' }, ['W > V', 'V:1 > H']),
    ['GH-FLOW-001 H'],
  ],
  [
    'an HTTP Request that goes through the gateway asks for itself',
    flow(
      'a',
      {
        W: 'webhook',
        H: [
          'http',
          {
            typeVersion: 4.2,
            parameters: {
              authentication: 'predefinedCredentialType',
              nodeCredentialType: 'gatehouseVaultSecret',
            },
            credentials: { gatehouseVaultSecret: { id: '1', name: 'x' } },
          },
        ],
      },
      ['W > H'],
    ),
    [],
  ],
  [
    'not where it only says so: too old a version, an expression, no credential',
    flow(
      'a',
      Object.fromEntries([
        ['W', 'webhook'],
        ...[
          { typeVersion: 1 },
          {
            parameters: {
              authentication: '={{ "predefinedCredentialType" }}',
              nodeCredentialType: 'gatehouseVaultSecret',
            },
          },
          { credentials: {} },
        ].map((trick, index) => [
          `H${index}`,
          [
            'http',
            {
              typeVersion: 4.2,
              parameters: {
                authentication: 'predefinedCredentialType',
                nodeCredentialType: 'gatehouseVaultSecret',
              },
              credentials: { gatehouseVaultSecret: { id: '1' } },
              ...trick,
            },
          ],
        ]),
      ]) as Record<string, string>,
      ['W > H0', 'W > H1', 'W > H2'],
    ),
    ['GH-FLOW-001 H0', 'GH-FLOW-001 H1', 'GH-FLOW-001 H2'],
  ],
  [
    'a community node counts as risky until it is known',
    flow('a', { W: 'webhook', C: 'n8n-nodes-acme.anything' }, ['W > C']),
    ['GH-FLOW-001 C'],
  ],
  [
    'and is governed like any other',
    flow('a', { W: 'webhook', P: 'policy', C: 'n8n-nodes-acme.anything' }, ['W > P', 'P:1 > C']),
    [],
  ],
  [
    'one without an input may be a trigger',
    flow('a', { P: 'n8n-nodes-acme.watcher', H: 'http' }, ['P > H']),
    ['GH-FLOW-001 P', 'GH-FLOW-001 H'],
  ],
  [
    'one that calls itself a trigger starts, and acts where it has an input',
    flow('a', { T: 'n8n-nodes-acme.thingTrigger', X: 'n8n-nodes-acme.otherTrigger' }, ['T > X']),
    ['GH-FLOW-001 X'],
  ],
  [
    'names that only look like ours or like harmless ones are neither',
    flow(
      'a',
      {
        W: 'webhook',
        P1: 'evil.policyCheck',
        P2: 'CUSTOM.policyCheck',
        P3: 'n8n-nodes-gatehouse.PolicyCheck',
        P4: 'n8n-nodes-gatehouse.policyCheckTool',
        P5: 'x.n8n-nodes-gatehouse.policyCheck',
        S: 'n8n-nodes-evil.set',
        U: '__proto__',
        C: 'constructor',
        H: 'http',
      },
      ['W > P1', 'P1:1 > H', 'W > P2', 'W > P3', 'W > P4', 'W > P5', 'W > S', 'W > U', 'W > C'],
    ),
    ['P1', 'P2', 'P3', 'P4', 'P5', 'S', 'U', 'C', 'H'].map((name) => `GH-FLOW-001 ${name}`),
  ],
  [
    'any version of a risky type is risky',
    flow('a', { W: 'webhook', H: ['http', { typeVersion: 99 }] }, ['W > H']),
    ['GH-FLOW-001 H'],
  ],
  [
    'an error workflow starts with nothing decided',
    flow('a', { E: 'onError', C: 'slack' }, ['E > C']),
    ['GH-FLOW-001 C'],
  ],

  [
    'a tool of an agent is not governed, also where the agent is',
    flow('a', { W: 'webhook', P: 'policy', G: 'agent', T: 'httpTool', X: 'mcpTool' }, [
      'W > P',
      'P:1 > G',
      'T ~tool G',
      'X ~tool G',
    ]),
    ['GH-FLOW-004 T', 'GH-FLOW-004 X'],
  ],
  [
    'below the human review of Approval Gate it is',
    flow('a', { W: 'webhook', G: 'agent', R: 'review', T: 'httpTool' }, ['W > G', 'R ~tool G', 'T ~tool R']),
    [],
  ],
  [
    'a deactivated agent calls nothing',
    flow('a', { W: 'webhook', G: ['agent', off], T: 'httpTool' }, ['W > G', 'T ~tool G']),
    [],
  ],
  [
    'not when that is deactivated',
    flow('a', { W: 'webhook', G: 'agent', R: ['review', off], T: 'httpTool' }, [
      'W > G',
      'R ~tool G',
      'T ~tool R',
    ]),
    ['GH-FLOW-003 T'],
  ],
  [
    'nor when the agent has a second way to it',
    flow('a', { W: 'webhook', G: 'agent', R: 'review', T: 'httpTool' }, [
      'W > G',
      'R ~tool G',
      'T ~tool R',
      'T ~tool G',
    ]),
    ['GH-FLOW-004 T'],
  ],
  [
    'nor below the review of somebody else',
    flow('a', { W: 'webhook', G: 'agent', R: 'n8n-nodes-base.slackHitlTool', T: 'httpTool' }, [
      'W > G',
      'R ~tool G',
      'T ~tool R',
    ]),
    ['GH-FLOW-004 R', 'GH-FLOW-004 T'],
  ],
  [
    'nor below an agent that is reviewed as a whole',
    flow('a', { W: 'webhook', G: 'agent', R: 'review', B: 'agentTool', T: 'httpTool' }, [
      'W > G',
      'R ~tool G',
      'B ~tool R',
      'T ~tool B',
    ]),
    ['GH-FLOW-004 T'],
  ],
  [
    'tools of ours and tools that only think are fine, and so are models',
    flow(
      'a',
      { W: 'webhook', G: 'agent', M: 'model', V: 'vaultTool', K: '@n8n/n8n-nodes-langchain.toolCalculator' },
      ['W > G', 'M ~languageModel G', 'V ~tool G', 'K ~tool G'],
    ),
    [],
  ],
  [
    'tools that an MCP server offers are called by anyone',
    flow('a', { S: '@n8n/n8n-nodes-langchain.mcpTrigger', T: 'httpTool' }, ['T ~tool S']),
    ['GH-FLOW-004 T'],
  ],
  [
    'memory in a database is as governed as the agent',
    [
      flow('a', { W: 'webhook', G: 'agent', M: '@n8n/n8n-nodes-langchain.memoryPostgresChat' }, [
        'W > G',
        'M ~memory G',
      ]),
      flow('b', { W: 'webhook', P: 'policy', G: 'agent', M: '@n8n/n8n-nodes-langchain.memoryPostgresChat' }, [
        'W > P',
        'P:1 > G',
        'M ~memory G',
      ]),
    ],
    ['GH-FLOW-001 a/M'],
  ],

  [
    'a sub-workflow is governed by the gate before its call',
    [
      flow('a', { W: 'webhook', P: 'policy', R: calling(chosen('b')) }, ['W > P', 'P:1 > R']),
      flow('b', { S: 'called', H: 'http' }, ['S > H']),
    ],
    [],
  ],
  [
    'not when another workflow calls it without one',
    [
      flow('a', { W: 'webhook', P: 'policy', R: calling(chosen('b')) }, ['W > P', 'P:1 > R']),
      flow('b', { S: 'called', H: 'http' }, ['S > H']),
      flow('c', { T: 'schedule', R: calling('b') }, ['T > R']),
    ],
    ['GH-FLOW-006 b/H'],
  ],
  [
    'nor when nothing calls it that is known',
    flow('b', { S: 'called', H: 'http' }, ['S > H']),
    ['GH-FLOW-001 H'],
  ],
  [
    'nor when only it calls itself, or it and another one',
    [
      flow('a', { S: 'called', H: 'http', R: calling('a') }, ['S > H', 'H > R']),
      flow('b', { S: 'called', H: 'http', R: calling('c') }, ['S > H', 'H > R']),
      flow('c', { S: 'called', R: calling('b') }, ['S > R']),
    ],
    ['GH-FLOW-001 a/H', 'GH-FLOW-001 b/H'],
  ],
  [
    'one that only a sub-workflow without callers calls is judged by that one',
    [
      flow('c', { S: 'called', H: 'http' }, ['S > H']),
      flow('b', { S: 'called', P: 'policy', R: calling('c') }, ['S > P', 'P:1 > R']),
    ],
    [],
  ],
  [
    'a gate of its own governs it whoever calls',
    [
      flow('a', { W: 'webhook', R: calling('b') }, ['W > R']),
      flow('b', { S: 'called', A: 'approval', H: 'http' }, ['S > A', 'A:1 > H']),
    ],
    [],
  ],
  [
    'a gate inside a sub-workflow allows nothing for its caller',
    [
      flow('a', { W: 'webhook', R: calling('b'), H: 'http' }, ['W > R', 'R > H']),
      flow('b', { S: 'called', P: 'policy', D: 'set' }, ['S > P', 'P:1 > D']),
    ],
    ['GH-FLOW-001 a/H'],
  ],
  [
    'through three workflows it is still found',
    [
      flow('a', { W: 'webhook', R: calling('b') }, ['W > R']),
      flow('b', { S: 'called', R: calling('c') }, ['S > R']),
      flow('c', { S: 'called', H: 'http' }, ['S > H']),
    ],
    ['GH-FLOW-006 c/H'],
  ],
  [
    'a call whose workflow is an expression, unknown or not in n8n needs a gate itself',
    flow(
      'a',
      {
        W: 'webhook',
        R1: calling('={{ $json.id }}'),
        R2: calling({ __rl: true, mode: 'id', value: '={{ $json.id }}' }),
        R3: calling('nowhere'),
        R4: calling('a', { source: 'parameter', workflowJson: '{}' }),
        R5: calling('a', { source: '={{ $json.source }}' }),
        R6: calling(undefined),
        P: 'policy',
        R7: calling('={{ $json.id }}'),
      },
      ['W > R1', 'W > R2', 'W > R3', 'W > R4', 'W > R5', 'W > R6', 'W > P', 'P:1 > R7'],
    ),
    ['R1', 'R2', 'R3', 'R4', 'R5', 'R6'].map((name) => `GH-FLOW-005 ${name}`),
  ],
  [
    'a sub-workflow as a tool is called whenever the model wants',
    [
      flow('a', { W: 'webhook', G: 'agent', T: ['runTool', { parameters: { workflowId: chosen('b') } }] }, [
        'W > G',
        'T ~tool G',
      ]),
      flow('b', { S: 'called', H: 'http' }, ['S > H']),
    ],
    ['GH-FLOW-006 b/H'],
  ],
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
];

describe('the flow guard', () => {
  for (const [promise, workflows, findings] of shapes) {
    it(promise, () => assert.deepEqual(found([workflows].flat()), findings));
  }

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
