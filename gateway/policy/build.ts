import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GatehouseError } from '../config/index.ts';

const run = promisify(execFile);
const sdk = '@open-policy-agent/opa-wasm';

/** The rule that is asked, as OPA names an entrypoint. */
export const entrypoint = 'gatehouse/decision';

/** What `policy.wasm.json` says about the binary beside it. */
export interface PolicyManifest {
  opa: string;
  entrypoint: string;
  wasm: string;
  sources: Record<string, string>;
  /** For each rule file, four hex digits a line: they tell which line was changed after the build. */
  lines: Record<string, string>;
}

/** SHA-256 of each rule file and of its lines, by name. Tests of rules (`*_test.rego`) are not part of the binary. */
export async function hashSources(policiesDir: string): Promise<Pick<PolicyManifest, 'sources' | 'lines'>> {
  const folder = join(policiesDir, 'rego');
  const names = (await readdir(folder)).filter(isSource).sort();
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const),
  );
  return {
    sources: Object.fromEntries(texts.map(([name, text]) => [name, sha256(Buffer.from(text))])),
    lines: Object.fromEntries(texts.map(([name, text]) => [name, hashLines(text)])),
  };
}

function hashLines(text: string): string {
  return text
    .split('\n')
    .map((line) => sha256(Buffer.from(line)).slice(0, 4))
    .join('');
}

/** @returns the number of the first line in which two files differ, by their {@link PolicyManifest.lines} */
export function firstChange(before: string, after: string): number {
  let line = 1;
  for (let at = 0; at < Math.max(before.length, after.length); at += 4, line += 1) {
    if (before.slice(at, at + 4) !== after.slice(at, at + 4)) return line;
  }
  return line;
}

/** SHA-256 in hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const isSource = (name: string): boolean => name.endsWith('.rego') && !name.endsWith('_test.rego');

/**
 * Builds `policy.wasm` and its manifest from `rego/*.rego`.
 * @param opaPath the OPA program
 * @param policiesDir the folder that holds `rego/`; written only after OPA accepted every file
 * @throws GatehouseError `GH-POLICY-010` with OPA's own text, which names file, line and reason
 */
export async function buildPolicy(opaPath: string, policiesDir: string): Promise<PolicyManifest> {
  const work = await mkdtemp(join(tmpdir(), 'gatehouse-policy-'));
  try {
    const capabilities = join(work, 'capabilities.json');
    await writeFile(capabilities, JSON.stringify(await supportedCapabilities()));
    const bundle = join(work, 'bundle.tar.gz');
    const hashes = await hashSources(policiesDir);
    const files = Object.keys(hashes.sources).map((name) => join('rego', name));
    await opa(opaPath, ['check', '--strict', ...files], policiesDir);
    await opa(
      opaPath,
      [
        'build',
        '-t',
        'wasm',
        '-O',
        '1',
        '-e',
        entrypoint,
        '--capabilities',
        capabilities,
        '-o',
        bundle,
        ...files,
      ],
      policiesDir,
    );
    await run('tar', ['-xzf', bundle, '-C', work, '/policy.wasm']);
    const wasm = await readFile(join(work, 'policy.wasm'));
    const { stdout } = await run(opaPath, ['version']);
    const manifest = {
      opa: /^Version: (\S+)/m.exec(stdout)?.[1] ?? 'unknown',
      entrypoint,
      wasm: sha256(wasm),
      ...hashes,
    };
    await replace(join(policiesDir, 'policy.wasm'), wasm);
    await replace(join(policiesDir, 'policy.wasm.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * What the SDK can run: its own list of built-ins. It was written for the language before 1.0, whose successor is a
 * matter of the parser only, so that feature is added.
 */
async function supportedCapabilities(): Promise<unknown> {
  const path = createRequire(import.meta.url)
    .resolve(sdk)
    .replace(/src[\\/]index\.cjs$/, 'capabilities.json');
  const listed = JSON.parse(await readFile(path, 'utf8')) as { features?: string[] };
  return { ...listed, features: [...new Set([...(listed.features ?? []), 'rego_v1'])] };
}

async function opa(path: string, parameters: string[], cwd: string): Promise<void> {
  try {
    await run(path, parameters, { cwd });
  } catch (cause) {
    const { stderr, code } = cause as { stderr?: string; code?: unknown };
    const missing = code === 'ENOENT';
    throw new GatehouseError(
      'GH-POLICY-010',
      missing ? `There is no OPA at ${path}.` : `OPA refuses the rules:\n${stderr}`,
      {
        status: 500,
        next: missing ? 'Install OPA 1.22 or give its path.' : 'Correct the lines that OPA names.',
        cause,
      },
    );
  }
}

async function replace(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}
