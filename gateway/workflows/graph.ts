import { kindOf, ofN8n, risks, type NodeKind } from './node-kinds.ts';
import type { Workflow, WorkflowNode } from './workflow.ts';

const subWorkflowStart = 'n8n-nodes-base.executeWorkflowTrigger';
const review = 'n8n-nodes-gatehouse.approvalGateHitlTool';
/** Policy Check: Blocked, Allowed, Ask. Approval Gate: Blocked, Approved. */
const allowedOutput = 1;

/** A node in its workflow, and where control can go from it. */
export interface Step {
  workflow: Workflow;
  node: WorkflowNode;
  kind: NodeKind;
  next: Edge[];
}

/** How control goes on: along a connection, to what a model may call, or into another workflow. */
export interface Edge {
  to: Step;
  via: 'main' | 'part' | 'tool' | 'call';
  /** output that it leaves, of a `main` edge */
  output: number;
}

/** A way through the workflows: where it is, whether a gate allowed it, and how it came there. */
export interface Way {
  step: Step;
  governed: boolean;
  before: { way: Way; edge: Edge } | undefined;
}

/** All workflows as one graph. */
export interface Graph {
  steps: Step[];
  /** where a run can begin with nothing decided */
  starts: Step[];
  /** where a run begins that another workflow calls */
  entries: Step[];
}

/**
 * Joins workflows to one graph of what can run after what. Control goes from an agent to its tools, against the direction
 * of n8n's connections, and from a call into the workflow that it names.
 */
export function graphOf(workflows: Workflow[]): Graph {
  const all = new Map(workflows.map((workflow) => [workflow.id, stepsOf(workflow)]));
  const steps = [...all.values()].flatMap((own) => [...own.values()]);
  const entered = new Set<Step>();
  const used = new Set<Step>();
  const called = new Set<Step>();
  for (const workflow of workflows) {
    for (const { from, to, via, output } of connectionsOf(
      workflow,
      all.get(workflow.id) ?? new Map<string, Step>(),
    )) {
      from.next.push({ to, via, output });
      (via === 'main' ? entered : used).add(to);
    }
  }
  for (const step of steps) {
    if (step.kind === 'call') {
      const target = all.get(calledBy(step.node) ?? '');
      if (!target) step.kind = 'blind';
      for (const to of target?.values() ?? []) {
        if (to.node.type !== subWorkflowStart) continue;
        step.next.push({ to, via: 'call', output: 0 });
        if (!step.node.disabled) called.add(to);
      }
    }
    // What calls itself a trigger and has an input is none.
    if (step.kind === 'trigger' && entered.has(step) && !ofN8n(step.node.type)) step.kind = 'unknown';
  }
  const begins = (step: Step): boolean => {
    if (step.kind === 'trigger') return !called.has(step);
    // A trigger of an unknown kind, for all that can be seen.
    return step.kind === 'unknown' && !entered.has(step) && !used.has(step);
  };
  return {
    steps,
    starts: steps.filter((step) => !step.node.disabled && begins(step)),
    entries: steps.filter(({ node }) => !node.disabled && node.type === subWorkflowStart),
  };
}

/**
 * Whether a call that is not decided before `step` is decided after it, on this edge.
 * @returns true only at a gate that is switched on, on the output of what it allowed
 */
export function decides(step: Step, { via, output }: Edge): boolean {
  if (step.kind !== 'gate' || step.node.disabled) return false;
  return step.node.type === review ? via === 'tool' : via === 'main' && output === allowedOutput;
}

/** Whether control leaves a node over an edge at all: one that is switched off only passes its input on. */
export function passes({ node, kind }: Step, { via }: Edge): boolean {
  return !node.disabled || via === 'main' || kind === 'gate';
}

/** @returns what makes a node need a gate before it, in words, or undefined */
export function riskOf({ node, kind }: Step): string | undefined {
  return node.disabled ? undefined : risks[kind];
}

/** @returns the id of the workflow that a node calls, or undefined where only a run can tell */
function calledBy({ parameters }: WorkflowNode): string | undefined {
  const { source = 'database', workflowId } = parameters ?? {};
  const named =
    typeof workflowId === 'object' && workflowId !== null
      ? (workflowId as { value?: unknown }).value
      : workflowId;
  // An expression begins with =, which no id does.
  return source === 'database' && typeof named === 'string' ? named : undefined;
}

/** Whether a workflow calls others or is called, so that they have to be looked at too. */
export function concernsOthers({ nodes }: Workflow): boolean {
  return nodes.some(({ type }) => kindOf(type) === 'call' || type === subWorkflowStart);
}

function stepsOf(workflow: Workflow): Map<string, Step> {
  return new Map(
    workflow.nodes.map((node) => [node.name, { workflow, node, kind: kindOfNode(node), next: [] }]),
  );
}

/** An HTTP Request whose requests go to the gateway is decided there, one by one. Before version 3 it had no such way. */
function kindOfNode({ type, typeVersion, parameters, credentials }: WorkflowNode): NodeKind {
  const lent =
    /^n8n-nodes-base[.]httpRequest(Tool)?$/.test(type) &&
    (typeVersion ?? 1) >= 3 &&
    parameters?.authentication === 'predefinedCredentialType' &&
    parameters.nodeCredentialType === 'gatehouseVaultSecret' &&
    Boolean(credentials?.gatehouseVaultSecret);
  return lent ? 'governed' : kindOf(type);
}

function* connectionsOf(workflow: Workflow, steps: Map<string, Step>): Generator<Edge & { from: Step }> {
  for (const [name, byType] of Object.entries(workflow.connections)) {
    for (const [type, outputs] of Object.entries(byType)) {
      for (const [output, ends] of outputs.entries()) {
        for (const end of ends ?? []) {
          const source = steps.get(name);
          const target = steps.get(end.node);
          if (!source || !target) continue;
          if (type === 'main') yield { from: source, to: target, via: 'main', output };
          if (type === 'main' && end.type === 'main') continue;
          const via = type === 'ai_tool' || end.type === 'ai_tool' ? 'tool' : 'part';
          yield { from: target, to: source, via, output };
        }
      }
    }
  }
}
