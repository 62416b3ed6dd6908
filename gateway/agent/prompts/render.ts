import { Eta } from 'eta';

/** What a prompt may name. All of it is the gateway's own: what people, workflows and tools say is never part of it. */
export const promptInputs = ['task', 'tools', 'structured'] as const;
export interface PromptInputs {
  task: string;
  /** The names of the tools on offer. */
  tools: string[];
  /** Whether the answer has to be JSON. */
  structured: boolean;
}

export const sampleInputs: PromptInputs = { task: 'plan', tools: ['a_tool'], structured: true };

// Prompts are read by models, not by browsers.
const eta = new Eta({ autoEscape: false, autoTrim: false, cache: false });

/**
 * Renders the system block of a conversation.
 * @throws Error for a name that the prompt does not declare among its inputs
 */
export function renderPrompt(
  { body, inputs }: { body: string; inputs: readonly (keyof PromptInputs)[] },
  given: PromptInputs,
): string {
  const declared = Object.fromEntries(inputs.map((name) => [name, given[name]]));
  const strict = new Proxy(declared, {
    get(target, name) {
      if (typeof name === 'symbol' || Object.hasOwn(target, name))
        return Reflect.get(target, name) as unknown;
      throw new Error(`${name} is not among the inputs that the prompt declares`);
    },
  });
  return eta.renderString(body, strict);
}
