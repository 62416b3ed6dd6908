import { installPinned, pinnedInstalled, type Pinned } from './pinned-install.ts';

const llama: Pinned = { name: 'models', title: 'What serves models', space: '200 MB' };

/** Whether what serves models on the CPU is installed whole. */
export const llamaInstalled = (): boolean => pinnedInstalled(llama);

/**
 * Installs `node-llama-cpp` with its programs for this machine's CPU, unless it is there; see `installPinned`.
 * @returns its folder
 */
export const installLlama = (note: (text: string) => void, signal?: AbortSignal): Promise<string> =>
  installPinned(llama, note, signal);
