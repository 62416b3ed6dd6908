import { describe } from 'node:test';
import { flow, holds } from './flow.ts';

describe('what the flow guard takes a node for', () => {
  holds([
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
  ]);
});
