import type { DraftNode } from '../e2e/support/builder.ts';

type Parameters = DraftNode['parameters'];

const fields = (value: Parameters): Parameters => ({
  specify: 'fields',
  fields: {
    mappingMode: 'defineBelow',
    value,
    matchingColumns: [],
    schema: [],
    attemptToConvertTypes: false,
    convertFieldsToString: false,
  },
});
const payment = { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };
const run = "={{ $('Envelope Normaliser').item.json.run.token }}";
const asTool = { descriptionType: 'manual', toolDescription: 'Pays an amount to a payee', run };

/** Each shape that the panel of a node of ours can have: its type and the parameters that make it. */
export const panels: Record<string, [type: string, parameters: Parameters]> = {
  'normaliser-message': ['envelopeNormaliser', { source: 'message', commands: 'balance\npay\nhelp, whoami' }],
  'normaliser-trigger': [
    'envelopeNormaliser',
    { source: 'trigger', kind: 'schedule', automation: 'morning-balance' },
  ],
  'check-item': ['policyCheck', { call: 'item' }],
  'check-fields': ['policyCheck', { call: 'fields', tool: 'ledger.transfer', ...fields(payment) }],
  'check-json': ['policyCheck', { call: 'fields', tool: 'ledger.transfer', specify: 'json' }],
  'check-new': ['policyCheck', { call: 'fields' }],
  gate: ['approvalGate', { operation: 'sendAndWait' }],
  'vault-execute': ['vaultCredential', { operation: 'execute' }],
  'vault-fields': [
    'vaultCredential',
    { operation: 'execute', tool: 'ledger.transfer', ...fields(payment), reply: true },
  ],
  'vault-no-arguments': ['vaultCredential', { operation: 'execute', tool: 'ledger.balance', ...fields({}) }],
  'vault-request': [
    'vaultCredential',
    {
      operation: 'httpRequest',
      method: 'POST',
      url: 'https://api.example.com/v1/things',
      entry: 'example/token',
    },
  ],
  'sandbox-code': ['sandboxedAgent', { operation: 'runCode', code: 'console.log(6 * 7)' }],
  'sandbox-agent': [
    'sandboxedAgent',
    {
      operation: 'runAgent',
      prompt: 'Say what is overdue, and remind the customers.',
      offer: 'some',
      tools: ['code.run', 'mail.send'],
      budget: { steps: 10, spend: '0.10' },
    },
  ],
  'sandbox-extract': ['sandboxedAgent', { operation: 'extract', text: '={{ $json.text }}' }],
  'sandbox-classify': ['sandboxedAgent', { operation: 'classify', labels: 'invoice, reminder, other' }],
  'tool-vault': ['vaultCredentialTool', { operation: 'execute', tool: 'ledger.balance', ...asTool }],
  'tool-vault-fields': [
    'vaultCredentialTool',
    {
      operation: 'execute',
      tool: 'ledger.transfer',
      ...asTool,
      ...fields(
        Object.fromEntries(
          Object.keys(payment).map((name) => [
            name,
            `={{ /*n8n-auto-generated-fromAI-override*/ $fromAI('${name}', \`\`, 'string') }}`,
          ]),
        ),
      ),
    },
  ],
  'tool-vault-new': ['vaultCredentialTool', { operation: 'execute', run }],
  'tool-vault-request': ['vaultCredentialTool', { operation: 'httpRequest', run }],
  'tool-sandbox': ['sandboxedAgentTool', { operation: 'runCode', run }],
  'tool-review': ['approvalGateHitlTool', { operation: 'sendAndWait', tool: 'ledger.transfer', run }],
};

const PREFIX = 'n8n-nodes-gatehouse.';

/** A workflow that holds each of them, and an agent for the tools; it is looked at and never run. */
export function panelWorkflow(credential: { id: string; name: string }): {
  name: string;
  nodes: DraftNode[];
  connections: object;
  settings: object;
} {
  const nodes = Object.entries(panels).map(([name, [type, parameters]], index): DraftNode => ({
    id: nodeId(name),
    name,
    type: PREFIX + type,
    typeVersion: 1,
    position: [(index % 5) * 336, Math.floor(index / 5) * 240],
    parameters,
    credentials: { gatehouseApi: credential },
  }));
  const agent: DraftNode = {
    id: crypto.randomUUID(),
    name: 'AI Agent',
    type: '@n8n/n8n-nodes-langchain.agent',
    typeVersion: 3.1,
    position: [0, -240],
    parameters: { options: {} },
  };
  const tools = nodes.filter(({ name }) => name.startsWith('tool-'));
  const toAgent = { ai_tool: [[{ node: agent.name, type: 'ai_tool', index: 0 }]] };
  return {
    name: 'Gatehouse panels',
    nodes: [agent, ...nodes],
    connections: Object.fromEntries(tools.map(({ name }) => [name, toAgent])),
    settings: { executionOrder: 'v1' },
  };
}

/** Fixed for each panel, so that the panel has an address. */
export function nodeId(name: string): string {
  const digits = Buffer.from(name).toString('hex').padEnd(32, '0').slice(-32);
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
