import { installPinned, pinnedFolder, pinnedInstalled, type Pinned } from './pinned-install.ts';

const n8n: Pinned = { name: 'n8n', title: 'n8n', space: '3 GB' };

/** Where n8n lies. */
export const n8nFolder = (environment?: NodeJS.ProcessEnv): string => pinnedFolder(n8n, environment);

/** Whether n8n is installed whole. */
export const n8nInstalled = (): boolean => pinnedInstalled(n8n);

/**
 * Installs n8n by its lockfile, unless it is there; see `installPinned`.
 * @returns n8n's folder
 */
export const installN8n = (note: (text: string) => void, signal?: AbortSignal): Promise<string> =>
  installPinned(n8n, note, signal);
