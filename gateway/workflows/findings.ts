import type { Step, Way } from './graph.ts';

/** Why a node is not governed. The code is stable. */
type FindingCode =
  /** no gate stands on some way to it */
  | 'GH-FLOW-001'
  /** it hangs on an output of a gate that is not the allowed one */
  | 'GH-FLOW-002'
  /** the gate before it is deactivated */
  | 'GH-FLOW-003'
  /** a model calls it, and no human review stands between */
  | 'GH-FLOW-004'
  /** it runs a workflow that cannot be known beforehand */
  | 'GH-FLOW-005'
  /** another workflow calls its workflow without a gate */
  | 'GH-FLOW-006';

/** A risky node that no gate governs. */
export interface Finding {
  code: FindingCode;
  workflow: { id: string; name: string };
  node: { id: string | undefined; name: string; type: string };
  /** a sentence: what the node does, and which way to it passes no gate */
  why: string;
  /** a sentence: what the builder can do */
  remedy: string;
  /** the way to it, from what starts it: names of nodes, with their workflow's where it is another one */
  path: string[];
}

const name = (step: Step): string => `"${step.node.name}"`;

/** Says of a node that no gate governs why that is so and how to mend it. @param risk what the node does */
export function findingOf(way: Way, risk: string): Finding {
  const { step } = way;
  const ways = [...backwards(way)].reverse();
  const { code, because, remedy } = reason(step, ways);
  return {
    code,
    workflow: { id: step.workflow.id, name: step.workflow.name },
    node: { id: step.node.id ?? undefined, name: step.node.name, type: step.node.type },
    why: `${name(step)} ${risk}, and ${because}.`,
    remedy,
    path: ways.map((at) =>
      at.step.workflow === step.workflow
        ? at.step.node.name
        : `${at.step.workflow.name}: ${at.step.node.name}`,
    ),
  };
}

/** What the way says about the mistake: the last thing on it that was meant to be a gate, or where the way began. */
function reason(step: Step, ways: Way[]): { code: FindingCode; because: string; remedy: string } {
  if (step.kind === 'blind') {
    return {
      code: 'GH-FLOW-005',
      because: 'no gate stands before it',
      remedy: `Choose the workflow of ${name(step)} from the list, or put a Policy Check before it and connect its output Allowed.`,
    };
  }
  for (const way of [...ways].reverse()) {
    const { before } = way;
    if (!before) break;
    const from = before.way.step;
    if (from.kind === 'gate' && from.node.disabled) {
      return {
        code: 'GH-FLOW-003',
        because: `the gate ${name(from)} before it is deactivated, so everything passes`,
        remedy: `Activate ${name(from)}.`,
      };
    }
    if (before.edge.via === 'tool') {
      const tool = way.step;
      return {
        code: 'GH-FLOW-004',
        because:
          tool === step
            ? `${name(from)} may call it whenever its model wants to`
            : `${name(from)} may call ${name(tool)}, which leads to it, whenever its model wants to`,
        remedy: `Add Approval Gate as the human review step between ${name(from)} and ${name(tool)}, or use Vault Credential as the tool.`,
      };
    }
    if (from.kind === 'gate') {
      const good = from.node.type.endsWith('policyCheck') ? 'Allowed' : 'Approved';
      return {
        code: 'GH-FLOW-002',
        because: `it can be reached from ${name(from)} on an output other than ${good}`,
        remedy: `Connect it only to the output ${good} of ${name(from)}, or put a gate of its own before it.`,
      };
    }
    if (before.edge.via === 'call') {
      return {
        code: 'GH-FLOW-006',
        because: `${name(from)} of the workflow "${from.workflow.name}" calls its workflow "${step.workflow.name}" with no gate before`,
        remedy: `Put a Policy Check right before ${name(step)}, or before ${name(from)} in "${from.workflow.name}", and connect its output Allowed.`,
      };
    }
  }
  const start = ways[0]?.step ?? step;
  return {
    code: 'GH-FLOW-001',
    because: start === step ? 'nothing stands before it' : `a way from ${name(start)} passes no gate`,
    remedy: `Put a Policy Check before ${name(step)} and connect its output Allowed, or let Vault Credential make the call.`,
  };
}

function* backwards(way: Way): Generator<Way> {
  for (let at: Way | undefined = way; at; at = at.before?.way) yield at;
}
