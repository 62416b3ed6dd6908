import { describe } from 'node:test';
import { flow, holds, off } from './flow.ts';

describe('what the flow guard finds below an agent', () => {
  holds([
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
      flow('a', { W: 'webhook', G: 'agent', R: 'review', T: 'httpTool' }, [
        'W > G',
        'R ~tool G',
        'T ~tool R',
      ]),
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
        {
          W: 'webhook',
          G: 'agent',
          M: 'model',
          V: 'vaultTool',
          K: '@n8n/n8n-nodes-langchain.toolCalculator',
        },
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
        flow(
          'b',
          { W: 'webhook', P: 'policy', G: 'agent', M: '@n8n/n8n-nodes-langchain.memoryPostgresChat' },
          ['W > P', 'P:1 > G', 'M ~memory G'],
        ),
      ],
      ['GH-FLOW-001 a/M'],
    ],
  ]);
});
