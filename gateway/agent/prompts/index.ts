export { createFence, type Fence } from './fence.ts';
export { createPrompts, type Prompts } from './load.ts';
export { renderPrompt } from './render.ts';
