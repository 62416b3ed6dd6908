import type { Catalogue, Tool } from '../catalogue/index.ts';
import type { OfferedTool } from './models/index.ts';

/** Models take 64 of these characters for a name. */
const wireName = (name: string): string => name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 60);

/** The tools of a run, as models are offered them, and the way back from a name that a model says. */
export interface Offer {
  tools: OfferedTool[];
  /** The same as JSON. */
  text: string;
  /** The catalogue's tool; undefined for a name that was not offered, however much it looks like one. */
  toolOf(name: string): Tool | undefined;
}

/**
 * Makes the offer of a run, the same at each step, so that what was sent before stays as it was.
 * @param names catalogue names; one that is gone is not offered
 */
export function offerOf(catalogue: Pick<Catalogue, 'get'>, names: readonly string[]): Offer {
  const byName = new Map<string, Tool>();
  for (const name of names) {
    const tool = catalogue.get(name);
    if (!tool) continue;
    let wire = wireName(name);
    while (byName.has(wire)) wire = `${wire}_`;
    byName.set(wire, tool);
  }
  const tools = [...byName].map(([name, tool]) => ({
    name,
    description: `${tool.title}: ${tool.description}`,
    parameters: tool.args,
  }));
  return {
    tools,
    text: JSON.stringify(tools),
    toolOf: (name) => byName.get(name),
  };
}
