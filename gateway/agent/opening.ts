import { attachmentFlaws } from '../channels/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { Attached } from '../delivery/index.ts';
import type { RunContext } from '../policy/index.ts';
import { earlierOf } from './earlier.ts';
import { isOfClass, roomOf } from './models/index.ts';
import { createFence, renderPrompt, type Fence } from './prompts/index.ts';
import type { AgentDeps, AgentRequest, Opening } from './types.ts';
import { shortened, storable } from './text.ts';

/** Of one piece of input. */
const mostCharacters = 200_000;

/**
 * Makes the beginning of a conversation. The system block is a prompt file's alone; who asks, what they ask and what they gave
 * stand in marked blocks of the user's turn.
 * @param attached files of this conversation, which are named here, and read only by code in the sandbox
 * @throws GatehouseError `GH-AGENT-004` for a template, `GH-AGENT-006` for a tool that is not there
 */
export async function openingOf(
  deps: Pick<AgentDeps, 'policy' | 'prompts' | 'pool' | 'models'>,
  id: string,
  context: RunContext,
  request: AgentRequest,
  attached: readonly Attached[],
): Promise<Opening> {
  const { task, template, schema } = request;
  const prompt = deps.prompts.get(template ?? task);
  if (!prompt)
    throw new GatehouseError('GH-AGENT-004', `There is no prompt ${template ?? task}.`, {
      next: `Add policies/prompts/${task}.md, or name one of: ${deps.prompts.names().join(', ')}.`,
      field: 'template',
    });
  const tools = await toolsFor(deps, context, request);
  const system = renderPrompt(prompt, { task, tools, structured: schema !== null });
  const { name, version, digest } = prompt;
  const fence = createFence(id);
  // Without tools it is a question about its own material, and answered alike whatever was asked before.
  const able = deps.models.of(task).filter((model) => isOfClass(model, request.modelClass));
  const earlier =
    request.bare || tools.length === 0 ? undefined : await earlierOf(deps.pool, context, fence, roomOf(able));
  const user = userTurn(fence, context, request, attached);
  return { system, user, prompt: { name, version, digest }, tools, earlier };
}

async function toolsFor(
  deps: Pick<AgentDeps, 'policy'>,
  context: RunContext,
  { tools: wanted }: AgentRequest,
): Promise<string[]> {
  if (wanted?.length === 0) return [];
  const able = (await deps.policy.couldBeAllowed(context)).map(({ name }) => name).sort();
  if (wanted === null) return able;
  // A name that the actor may not use is left out like one that does not exist: which of them it is, is not told.
  return able.filter((name) => wanted.includes(name));
}

/** Names files that came with messages, with what `code.run` needs to read them. Their names are anybody's words. */
export function attachmentsBlock(fence: Fence, attached: readonly Attached[]): string[] {
  if (attached.length === 0) return [];
  const lines = attached.map(({ id, name, mime, bytes, flaw, ofThisMessage }) =>
    JSON.stringify({
      attachment: id,
      name,
      mime,
      bytes,
      with: ofThisMessage ? 'this message' : 'an earlier one',
      ...(flaw !== null && { cannotBeRead: attachmentFlaws[flaw] }),
    }),
  );
  return [fence.block('data', 'attachments', storable(lines.join('\n')))];
}

function userTurn(
  fence: Fence,
  context: RunContext,
  { prompt, input, bare }: AgentRequest,
  attached: readonly Attached[],
): string {
  const { actor, channel } = context;
  const facts = `${actor.display}, known as ${actor.standing}, asks from ${channel.kind} (${channel.visibility}).`;
  return [
    ...(bare ? [] : [fence.block('facts', 'gatehouse', storable(facts))]),
    ...(prompt === null ? [] : [fence.block('instructions', 'workflow', storable(prompt))]),
    ...(bare || context.text === '' ? [] : [fence.block('request', 'person', storable(context.text))]),
    ...(bare ? [] : attachmentsBlock(fence, attached)),
    ...Object.entries(input).map(([source, text]) =>
      fence.block('data', `input:${source}`, storable(shortened(text, mostCharacters))),
    ),
  ].join('\n\n');
}
