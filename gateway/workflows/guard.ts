import { findingOf, type Finding } from './findings.ts';
import { decides, graphOf, passes, riskOf, type Step, type Way } from './graph.ts';
import type { Workflow } from './workflow.ts';

/**
 * Finds each risky node that some way reaches without a gate's leave. A gate that is switched off gives none, and none is
 * given on the other outputs of a gate. What a model may call is never governed by a gate before the model: that one
 * decided something else.
 * @param workflows every workflow that may call or be called
 * @param subject id of the only workflow that is judged: with it, what its own nodes lead to in others
 * @returns one finding a node, in the order of the workflows
 */
export function findUngoverned(workflows: Workflow[], subject?: string): Finding[] {
  const { steps, starts, entries } = graphOf(workflows);
  let ways = follow(starts.map(beginning));
  // Workflows that only call each other: somebody else may still call one of them.
  for (const entry of entries) {
    if (!ways.some(({ step }) => step === entry)) ways = follow([...ways, beginning(entry)]);
  }
  if (subject !== undefined) ways = follow(ways.filter(({ step }) => step.workflow.id === subject));
  const open = new Map(ways.filter(({ governed }) => !governed).map((way) => [way.step, way]));
  return steps.flatMap((step) => {
    const way = open.get(step);
    const risk = riskOf(step);
    return way && risk !== undefined ? [findingOf(way, risk)] : [];
  });
}

const beginning = (step: Step): Way => ({ step, governed: false, before: undefined });

/** Every node that can be reached from some ways, governed and not, each by a shortest way. */
function follow(from: Way[]): Way[] {
  const seen = { true: new Set<Step>(), false: new Set<Step>() };
  const ways: Way[] = [];
  const arrive = (way: Way): void => {
    const there = seen[`${way.governed}`];
    if (there.has(way.step)) return;
    there.add(way.step);
    ways.push(way);
  };
  from.forEach(arrive);
  // The list grows while it is walked.
  for (const way of ways) {
    for (const edge of way.step.next) {
      if (!passes(way.step, edge)) continue;
      const allowed = decides(way.step, edge);
      const kept = edge.via !== 'tool' && way.governed;
      arrive({ step: edge.to, governed: allowed || kept, before: { way, edge } });
    }
  }
  return ways;
}
