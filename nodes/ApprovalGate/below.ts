import { NodeConnectionTypes, type IExecuteFunctions, type NodeTypeAndVersion } from 'n8n-workflow';
import { isObject } from '../shared/parameters';
import type { Refusal } from '../shared/refusal';

/** The one tool below a review. */
export interface Below {
  /** The gateway runs it; otherwise n8n does, with a credential of its own, and the review is advice. */
  governed: boolean;
}

/**
 * Looks at what the review stands above, in the workflow itself: the item's word for it is the model's.
 * @param tool the catalogue tool that the review asks about
 */
export async function toolBelow(context: IExecuteFunctions, tool: string): Promise<Below | Refusal> {
  const nodes = context
    .getParentNodes(context.getNode().name, {
      connectionType: NodeConnectionTypes.AiTool,
      depth: 1,
      includeNodeParameters: true,
    })
    .filter(({ disabled }) => !disabled);
  const [node] = nodes;
  if (!node || nodes.length > 1) return several(nodes.length);
  const runs = catalogueToolOf(context.getNode().type, node);
  if (runs === null) {
    const tools = toolsIn(await context.getInputConnectionData(NodeConnectionTypes.AiTool, 0));
    return tools === 1 ? { governed: false } : several(tools);
  }
  if (runs === tool) return { governed: true };
  return {
    code: 'review_other_tool',
    text: `This review asks about ${tool}, and the tool below it runs another one.`,
    next: 'Choose the same tool in both nodes, without an expression.',
  };
}

/** The catalogue tool that a node of ours runs, as its field has it; null for any other node. */
function catalogueToolOf(gate: string, { type, parameters = {} }: NodeTypeAndVersion): string | null {
  const ours = gate.slice(0, gate.lastIndexOf('.') + 1);
  if (type === `${ours}vaultCredentialTool`)
    return parameters.operation === 'httpRequest' ? 'http.request' : String(parameters.tool);
  if (type === `${ours}sandboxedAgentTool` && parameters.operation !== 'runAgent') return 'code.run';
  return null;
}

/** How many tools a model sees of what is connected: one node can bring a whole kit. */
function toolsIn(connected: unknown): number {
  const given = Array.isArray(connected) ? connected : [connected];
  return given.flatMap((each) => (isObject(each) && Array.isArray(each.tools) ? each.tools : [each])).length;
}

function several(count: number): Refusal {
  return {
    code: 'review_tools',
    text: `A review governs exactly one tool, and ${count} are below it.`,
    next: 'Give each tool an Approval Gate of its own.',
  };
}
