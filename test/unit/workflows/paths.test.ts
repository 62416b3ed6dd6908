import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { findUngoverned } from '../../../gateway/workflows/index.ts';
import { flow } from './flow.ts';

interface Drawn {
  types: string[];
  off: boolean[];
  edges: { from: number; to: number; output: number }[];
}

const drawn: fc.Arbitrary<Drawn> = fc.integer({ min: 2, max: 8 }).chain((size) =>
  fc.record({
    types: fc.array(
      fc.constantFrom(
        'webhook',
        'set',
        'merge',
        'http',
        'slack',
        'policy',
        'approval',
        'vault',
        'n8n-nodes-acme.x',
      ),
      { minLength: size, maxLength: size },
    ),
    off: fc.array(
      fc.nat(5).map((value) => value === 0),
      { minLength: size, maxLength: size },
    ),
    edges: fc.array(
      fc.record({
        from: fc.nat(size - 1),
        to: fc.nat(size - 1),
        output: fc.nat(2),
      }),
      { maxLength: size * 2 },
    ),
  }),
);

/** Walks every way without a node twice, as slowly and plainly as can be. */
function byHand({ types, off, edges }: Drawn): Set<number> {
  const free = new Set<number>();
  const walk = (path: number[], governed: boolean): void => {
    const at = path.at(-1) as number;
    if (!governed && !off[at] && ['http', 'slack', 'n8n-nodes-acme.x'].includes(types[at] as string))
      free.add(at);
    for (const edge of edges.filter(({ from, to }) => from === at && !path.includes(to))) {
      const gate = !off[at] && (types[at] === 'policy' || types[at] === 'approval');
      walk([...path, edge.to], governed || (gate && edge.output === 1));
    }
  };
  types.forEach((type, index) => {
    const unknownStart = type === 'n8n-nodes-acme.x' && !edges.some(({ to }) => to === index);
    if (!off[index] && (type === 'webhook' || unknownStart)) walk([index], false);
  });
  return free;
}

it('finds exactly the nodes that walking every way by hand finds', () => {
  let some = 0;
  fc.assert(
    fc.property(drawn, (graph) => {
      const nodes = Object.fromEntries(
        graph.types.map((type, index) => [
          String(index),
          [type, { disabled: graph.off[index] }] as [string, object],
        ]),
      ) as Parameters<typeof flow>[1];
      const wires = graph.edges.map(({ from, to, output }) => `${from}:${output} > ${to}`);
      const free = findUngoverned([flow('a', nodes, wires)]).map(({ node }) => Number(node.name));
      some += free.length > 0 ? 1 : 0;
      assert.deepEqual(free.sort(), [...byHand(graph)].sort());
    }),
    { numRuns: 3000 },
  );
  assert.ok(some > 100, 'the graphs are not all harmless');
});
