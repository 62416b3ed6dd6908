import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GatehouseError } from '../config/index.ts';

const run = promisify(execFile);

/** The OPA that policy.wasm is built with; another version builds other bytes. */
export const opaVersion = '1.22.2';

/** Where an OPA that Go built is kept, for each user once. */
const cache = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gatehouse', `opa-${opaVersion}`);

/** @returns the path of the pinned OPA; undefined where this machine has none */
export async function findOpa(): Promise<string | undefined> {
  for (const candidate of [join(cache(), 'opa'), 'opa', join(homedir(), 'go/bin/opa')]) {
    const { stdout } = await run(candidate, ['version']).catch(() => ({ stdout: '' }));
    if (stdout.includes(`Version: ${opaVersion}\n`)) return candidate;
  }
  return undefined;
}

/**
 * Lets Go build the pinned OPA: about 2 minutes. Go checks what it downloads against its public checksum database.
 * @returns its path
 * @throws GatehouseError `GH-POLICY-013` where there is no Go, or it cannot build it
 */
export async function installOpa(): Promise<string> {
  await mkdir(cache(), { recursive: true });
  try {
    await run('go', ['install', `github.com/open-policy-agent/opa@v${opaVersion}`], {
      env: { ...process.env, GOBIN: cache(), GOFLAGS: '' },
    });
  } catch (cause) {
    throw new GatehouseError(
      'GH-POLICY-013',
      `There is no OPA ${opaVersion} here, and Go could not build it.`,
      {
        status: 500,
        next: `Install OPA ${opaVersion} (openpolicyagent.org) or Go, then run this again.`,
        cause,
      },
    );
  }
  return join(cache(), 'opa');
}

/**
 * What OPA finds wrong with rules, each fault with its file and line.
 * @param names of files in `rego/`
 * @returns null when it finds nothing, or where there is no OPA to ask
 */
export async function complaintOfOpa(policiesDir: string, names: readonly string[]): Promise<string | null> {
  const opa = await findOpa();
  if (opa === undefined) return null;
  const files = names.map((name) => join('rego', name));
  return run(opa, ['check', '--strict', ...files], { cwd: policiesDir, timeout: 10_000 }).then(
    () => null,
    (error: { stderr?: string }) => error.stderr?.trim() || null,
  );
}
