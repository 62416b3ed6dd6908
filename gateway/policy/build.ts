import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { GatehouseError } from '../config/index.ts';
import { hintFor } from './builtins/index.ts';
import { supportedCapabilities } from './capabilities.ts';
import { runOpa } from './opa.ts';
import { checkPackages, ownAnswer } from './packages.ts';
import { hashSources, ruleFiles, sha256, type PolicyManifest, type RulesFolder } from './sources.ts';

const run = promisify(execFile);

/** The rule that is asked, as OPA names an entrypoint. */
export const entrypoint = 'gatehouse/decision';
/** Who would be asked, for a call that only an own rule wants approved. */
export const approversEntrypoint = 'gatehouse/would_ask';
/** What the rules of the installation add. */
export const ownEntrypoint = 'local_rules/answer';

/**
 * Builds `policy.wasm` from `rego/*.rego` and, where there are any, `local.wasm` from `local/*.rego`, each with its manifest
 * beside it. Two binaries: whatever an own rule does, it does not reach into the rules that ship.
 * @param opaPath the OPA program
 * @param policiesDir the folder that holds `rego/`; written only after OPA accepted every file
 * @returns the manifest of the rules that ship
 * @throws GatehouseError `GH-POLICY-010` with OPA's own text, which names file, line and reason; `GH-POLICY-014` (packages),
 *   `GH-POLICY-015` (a built-in that no engine of ours has)
 */
export async function buildPolicy(opaPath: string, policiesDir: string): Promise<PolicyManifest> {
  const work = await mkdtemp(join(tmpdir(), 'gatehouse-policy-'));
  try {
    const capabilities = join(work, 'capabilities.json');
    await writeFile(capabilities, JSON.stringify(await supportedCapabilities(opaPath)));
    const version = /^Version: (\S+)/m.exec(await runOpa(opaPath, ['version']))?.[1] ?? 'unknown';
    const build = async (
      folder: RulesFolder,
      entrypoints: [string, ...string[]],
      more: string[] = [],
    ): Promise<{ wasm: Buffer; manifest: PolicyManifest }> => {
      const hashes = await hashSources(policiesDir, folder);
      const files = [...Object.keys(hashes.sources).map((name) => join(folder, name)), ...more];
      await checkRules(opaPath, policiesDir, files, capabilities);
      const wasm = await compile(opaPath, policiesDir, { files, entrypoints, capabilities, work });
      return { wasm, manifest: { opa: version, entrypoint: entrypoints[0], wasm: sha256(wasm), ...hashes } };
    };
    const shipped = await build('rego', [entrypoint, approversEntrypoint]);
    const packages = await checkPackages(opaPath, policiesDir);
    const generated = join(work, 'local_rules.rego');
    await writeFile(generated, ownAnswer(packages));
    const hasOwn = (await ruleFiles(policiesDir, 'local')).length > 0;
    const own = hasOwn ? await build('local', [ownEntrypoint], [generated]) : null;
    await replace(join(policiesDir, 'policy'), shipped);
    await replace(join(policiesDir, 'local'), own);
    return shipped.manifest;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @throws GatehouseError `GH-POLICY-010` and `GH-POLICY-015` */
async function checkRules(
  opaPath: string,
  cwd: string,
  files: string[],
  capabilities: string,
): Promise<void> {
  await runOpa(opaPath, ['check', '--strict', ...files], cwd);
  try {
    await runOpa(opaPath, ['check', '--strict', '--capabilities', capabilities, ...files], cwd);
  } catch (cause) {
    // OPA itself accepted the rules a moment ago: a function that it does not know now is one that we do not have.
    // A single fault stands behind "1 error occurred: ", several each on a line of its own.
    const missing = [
      ...String(cause).matchAll(/(?:^|: )(\S+?:\d+): rego_type_error: undefined function (\S+)$/gm),
    ];
    if (missing.length === 0) throw cause;
    const lines = missing.map(
      ([, where, name = '']) => `${where}: ${name} is not available. ${hintFor(name)}`,
    );
    throw new GatehouseError('GH-POLICY-015', `Rules use what no engine has:\n  ${lines.join('\n  ')}`, {
      status: 500,
      next: 'Change the lines named above; docs/policy.md lists the built-ins.',
      cause,
    });
  }
}

/**
 * Compiles rules to wasm.
 * @param options.capabilities a file, as `opa build --capabilities` takes it
 * @param options.work a folder for what lies between
 */
export async function compile(
  opaPath: string,
  cwd: string,
  options: { files: string[]; entrypoints: string[]; capabilities: string; work: string },
): Promise<Buffer> {
  const { files, entrypoints, capabilities, work } = options;
  const bundle = join(work, 'bundle.tar.gz');
  const asked = entrypoints.flatMap((name) => ['-e', name]);
  // Not optimised: the optimiser takes data that is not there yet, such as the approval classes, for undefined.
  await runOpa(
    opaPath,
    ['build', '-t', 'wasm', ...asked, '--capabilities', capabilities, '-o', bundle, ...files],
    cwd,
  );
  await run('tar', ['-xzf', bundle, '-C', work, '/policy.wasm']);
  return readFile(join(work, 'policy.wasm'));
}

/** Writes a binary and its manifest, or removes what is there of an earlier build. */
async function replace(
  path: string,
  built: { wasm: Buffer; manifest: PolicyManifest } | null,
): Promise<void> {
  const files: [string, string | Uint8Array][] = built
    ? [
        [`${path}.wasm`, built.wasm],
        [`${path}.wasm.json`, `${JSON.stringify(built.manifest, null, 2)}\n`],
      ]
    : [];
  if (!built) await Promise.all(['wasm', 'wasm.json'].map((end) => rm(`${path}.${end}`, { force: true })));
  for (const [file, content] of files) {
    await writeFile(`${file}.new`, content);
    await rename(`${file}.new`, file);
  }
}
