import assert from 'node:assert/strict';
import { it } from 'node:test';
import { findUngoverned, readWorkflow, type Workflow } from '../../../gateway/workflows/index.ts';

/** Short names of node types for tests; anything with a dot is a type itself. */
const types = new Map(
  Object.entries({
    webhook: 'n8n-nodes-base.webhook',
    schedule: 'n8n-nodes-base.scheduleTrigger',
    called: 'n8n-nodes-base.executeWorkflowTrigger',
    onError: 'n8n-nodes-base.errorTrigger',
    set: 'n8n-nodes-base.set',
    merge: 'n8n-nodes-base.merge',
    loop: 'n8n-nodes-base.splitInBatches',
    http: 'n8n-nodes-base.httpRequest',
    httpTool: 'n8n-nodes-base.httpRequestTool',
    slack: 'n8n-nodes-base.slack',
    run: 'n8n-nodes-base.executeWorkflow',
    runTool: '@n8n/n8n-nodes-langchain.toolWorkflow',
    agent: '@n8n/n8n-nodes-langchain.agent',
    agentTool: '@n8n/n8n-nodes-langchain.agentTool',
    model: '@n8n/n8n-nodes-langchain.lmChatOpenAi',
    mcpTool: '@n8n/n8n-nodes-langchain.mcpClientTool',
    policy: 'n8n-nodes-gatehouse.policyCheck',
    approval: 'n8n-nodes-gatehouse.approvalGate',
    review: 'n8n-nodes-gatehouse.approvalGateHitlTool',
    vault: 'n8n-nodes-gatehouse.vaultCredential',
    vaultTool: 'n8n-nodes-gatehouse.vaultCredentialTool',
    sandbox: 'n8n-nodes-gatehouse.sandboxedAgent',
  }),
);

type NodeOf = string | [type: string, more: Record<string, unknown>];

/**
 * A workflow from a few words.
 * @param nodes type by name
 * @param wires `A > B`, `A:1 > B` for the second output, `T ~tool A` and `M ~languageModel A` for parts of an agent
 */
export function flow(id: string, nodes: Record<string, NodeOf>, wires: string[] = []): Workflow {
  const connections: Record<string, Record<string, { node: string; type: string; index: number }[][]>> = {};
  for (const wire of wires) {
    const [, from = '', output = '0', kind, to = ''] =
      /^(.+?)(?::(\d+))? (?:>|~(\w+)) (.+)$/.exec(wire) ?? [];
    const type = kind === undefined ? 'main' : `ai_${kind}`;
    const outputs = ((connections[from] ??= {})[type] ??= []);
    while (outputs.length <= Number(output)) outputs.push([]);
    outputs[Number(output)]?.push({ node: to, type, index: 0 });
  }
  return readWorkflow(
    {
      id,
      name: `Flow ${id}`,
      nodes: Object.entries(nodes).map(([name, of]) => {
        const [type, more] = typeof of === 'string' ? [of, {}] : of;
        return { name, id: `${id}-${name}`, type: types.get(type) ?? type, typeVersion: 1, ...more };
      }),
      connections,
    },
    id,
  );
}

/** A node that calls a workflow. */
export const calling = (workflowId: unknown, more = {}): [string, Record<string, unknown>] => [
  'run',
  { parameters: { workflowId, ...more } },
];
/** A workflow as somebody picked it from n8n's list. */
export const chosen = (value: string): object => ({ __rl: true, mode: 'list', value });
/** Settings of a node that is deactivated. */
export const off = { disabled: true };

/** What is found, as `code node`. */
export const found = (workflows: Workflow[], subject?: string): string[] =>
  findUngoverned(workflows, subject).map(({ code, workflow, node }) =>
    workflows.length > 1 ? `${code} ${workflow.id}/${node.name}` : `${code} ${node.name}`,
  );

/** Workflows, and what is found in them. */
export type Shape = [promise: string, workflows: Workflow | Workflow[], findings: string[]];

/** A test for each of these shapes. */
export function holds(shapes: readonly Shape[]): void {
  for (const [promise, workflows, findings] of shapes)
    it(promise, () => assert.deepEqual(found([workflows].flat()), findings));
}
