import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The OPA that policy.wasm is built with; another version builds other bytes. */
export const opaVersion = '1.22.2';

/** Where `gatehouse policy build` keeps an OPA that it made. */
export function opaCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gatehouse', `opa-${opaVersion}`);
}

/** @returns the pinned OPA on this machine, or null */
export async function findOpa(): Promise<string | null> {
  for (const candidate of ['opa', join(opaCache(), 'opa'), join(homedir(), 'go/bin/opa')]) {
    const { stdout } = await run(candidate, ['version']).catch(() => ({ stdout: '' }));
    if (stdout.includes(`Version: ${opaVersion}\n`)) return candidate;
  }
  return null;
}

/**
 * What OPA finds wrong with rules, each fault with its file and line.
 * @param names of files in `rego/`
 * @returns null when it finds nothing, or where there is no OPA to ask
 */
export async function complaintOfOpa(policiesDir: string, names: readonly string[]): Promise<string | null> {
  const opa = await findOpa();
  if (opa === null) return null;
  const files = names.map((name) => join('rego', name));
  return run(opa, ['check', '--strict', ...files], { cwd: policiesDir, timeout: 10_000 }).then(
    () => null,
    (error: { stderr?: string }) => error.stderr?.trim() || null,
  );
}
