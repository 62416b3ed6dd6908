import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { GatehouseError, type Settings } from '../../config/index.ts';
import { repository } from './layout.ts';
import type { N8nOptions } from './n8n-environment.ts';

const run = promisify(execFile);

/**
 * Builds the hook that looks at workflows before n8n publishes them.
 * @param userFolder n8n's user folder, where the file is put
 * @returns what n8n has to know of it; undefined when it is switched off
 * @throws GatehouseError `GH-UP-025` when the build fails: a guard that is missing must not look like one that is there
 */
export async function buildFlowGuard(
  { flowGuard: mode, policiesDir }: Pick<Settings, 'flowGuard' | 'policiesDir'>,
  userFolder: string,
): Promise<N8nOptions['flowGuard']> {
  if (mode === 'off') return undefined;
  const file = join(userFolder, 'flow-guard.cjs');
  try {
    await run(process.execPath, [join(repository, 'scripts/build-hook.mjs'), file], { cwd: repository });
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    throw new GatehouseError(
      'GH-UP-025',
      `The flow guard could not be built: ${(stderr || message).trim()}`,
      {
        status: 500,
        next: 'Correct what the build says; npm run build:hook runs it alone.',
        cause,
      },
    );
  }
  return { file, mode, policiesDir: resolve(policiesDir) };
}
