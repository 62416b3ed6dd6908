import { describe } from 'node:test';
import { calling, chosen, flow, holds } from './flow.ts';

describe('what the flow guard finds across workflows', () => {
  holds([
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
  ]);
});
