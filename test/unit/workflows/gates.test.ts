import { describe } from 'node:test';
import { flow, holds, off } from './flow.ts';

describe('what the flow guard counts as governed', () => {
  holds([
    [
      'a node on Allowed is governed',
      flow('a', { W: 'webhook', P: 'policy', H: 'http' }, ['W > P', 'P:1 > H']),
      [],
    ],
    [
      'so is one on Approved, which Ask leads to',
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
      'nor one on Ask',
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
      flow('a', { W: 'webhook', P: ['policy', off], A: 'approval', H: 'http' }, [
        'W > P',
        'P > A',
        'A:1 > H',
      ]),
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
      flow('a', { W: 'webhook', P: 'policy', L: 'loop', H: 'http' }, [
        'W > P',
        'P:1 > L',
        'L:1 > H',
        'H > L',
      ]),
      [],
    ],
    [
      'a way back from Blocked into the round does not count as allowed',
      flow('a', { W: 'webhook', P: 'policy', S: 'set', H: 'http' }, ['W > P', 'P > S', 'P:1 > S', 'S > H']),
      ['GH-FLOW-002 H'],
    ],
  ]);
});
