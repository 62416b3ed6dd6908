import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GatehouseError } from '../config/index.ts';

const run = promisify(execFile);

/** The OPA that policy.wasm is built with; another version builds other bytes. */
export const opaVersion = '1.22.2';
/** Go's checksum of its source (https://go.dev/ref/mod#go-sum-files): whatever mirror Go asks, nothing else is built. */
const sourceSum = 'h1:WzqReKk2VjcvBN/NQTlcIxKqFPKpzIdb6KYMHzPEbe0=';

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
 * Lets Go build the pinned OPA: about 2 minutes. Its source has to have the checksum that stands here, and Go checks what that
 * source needs against its public checksum database.
 * @returns its path
 * @throws GatehouseError `GH-POLICY-013` where there is no Go, or it cannot build it; `GH-POLICY-018` where the source is another
 */
export async function installOpa(): Promise<string> {
  const source = `github.com/open-policy-agent/opa@v${opaVersion}`;
  await mkdir(cache(), { recursive: true });
  const env = { ...process.env, GOBIN: cache(), GOFLAGS: '' };
  let loaded: string;
  try {
    loaded = (await run('go', ['mod', 'download', '-json', source], { env, cwd: cache() })).stdout;
    if ((JSON.parse(loaded) as { Sum?: string }).Sum === sourceSum)
      await run('go', ['install', source], { env, cwd: cache() });
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
  if ((JSON.parse(loaded) as { Sum?: string }).Sum !== sourceSum) {
    throw new GatehouseError(
      'GH-POLICY-018',
      `The source of OPA ${opaVersion} has another checksum than it should have.`,
      {
        status: 500,
        next: 'Nothing was built. See which mirror Go uses (go env GOPROXY), and tell the maintainers.',
      },
    );
  }
  return join(cache(), 'opa');
}

/**
 * Runs OPA.
 * @returns what it printed
 * @throws GatehouseError `GH-POLICY-010` with OPA's own text, which names file, line and reason
 */
export async function runOpa(path: string, parameters: string[], cwd?: string): Promise<string> {
  try {
    return (await run(path, parameters, { cwd, maxBuffer: 64 * 1024 * 1024 })).stdout;
  } catch (cause) {
    const { stdout = '', stderr = '', code } = cause as { stdout?: string; stderr?: string; code?: unknown };
    const missing = code === 'ENOENT';
    throw new GatehouseError(
      'GH-POLICY-010',
      missing ? `There is no OPA at ${path}.` : `OPA refuses the rules:\n${stderr || stdout}`,
      {
        status: 500,
        next: missing ? `Install OPA ${opaVersion} or give its path.` : 'Correct the lines that OPA names.',
        cause,
      },
    );
  }
}

/**
 * What OPA finds wrong with rules, each fault with its file and line.
 * @param files below `policiesDir`
 * @returns null when it finds nothing, or where there is no OPA to ask
 */
export async function complaintOfOpa(policiesDir: string, files: readonly string[]): Promise<string | null> {
  const opa = await findOpa();
  if (opa === undefined) return null;
  return run(opa, ['check', '--strict', ...files], { cwd: policiesDir, timeout: 10_000 }).then(
    () => null,
    (error: { stderr?: string }) => error.stderr?.trim() || null,
  );
}
