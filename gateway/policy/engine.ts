import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Sdk from '@open-policy-agent/opa-wasm';
import { z } from 'zod';
import { GatehouseError } from '../config/index.ts';
import { approversEntrypoint, entrypoint, ownEntrypoint } from './build.ts';
import { builtins } from './builtins/index.ts';
import { EngineFault } from './fail-closed.ts';
import { complaintOfOpa } from './opa.ts';
import { opaEngine } from './opa-engine.ts';
import { revisionOf } from './revision.ts';
import {
  firstChange,
  hashSources,
  ruleFiles,
  sha256,
  type PolicyManifest,
  type RulesFolder,
} from './sources.ts';
import type { Engine, PolicyInput } from './types.ts';

export type { Engine } from './types.ts';

// As an ES module the package lacks the named exports that its types declare; as CommonJS it has them.
export const { loadPolicySync } = createRequire(import.meta.url)('@open-policy-agent/opa-wasm') as typeof Sdk;

const encoder = new TextEncoder();

const Manifest = z.strictObject({
  opa: z.string(),
  entrypoint: z.string(),
  wasm: z.string(),
  sources: z.record(z.string(), z.string()),
  lines: z.record(z.string(), z.string()).default({}),
}) satisfies z.ZodType<PolicyManifest>;

/**
 * Loads the rules, and checks that the binaries were built from the rules beside them.
 * @param policiesDir the folder that holds `rego/`, `policy.wasm` and `policy.wasm.json`, and perhaps the same of `local/`
 * @param data what the rules read as `data`
 * @param opaUrl an OPA that is asked instead; it has to serve these very rules and data
 * @param startMs how long that OPA is waited for
 * @returns the engine, and a digest of the binaries
 * @throws GatehouseError `GH-POLICY-001` (a missing file), `GH-POLICY-002` (source and binary differ),
 *   `GH-POLICY-003` (not a policy of ours), `GH-POLICY-016` (that OPA does not serve it)
 */
export async function loadEngine(
  policiesDir: string,
  data: object,
  opaUrl?: string,
  startMs?: number,
): Promise<{ engine: Engine; wasm: string }> {
  const bytes = await readWasm(policiesDir, 'policy');
  await checkSources(policiesDir, 'rego', sha256(bytes));
  const hasOwn = (await ruleFiles(policiesDir, 'local')).length > 0;
  const own = hasOwn ? await readWasm(policiesDir, 'local') : null;
  if (own) await checkSources(policiesDir, 'local', sha256(own));
  else checkNoneLeft(policiesDir);
  const wasm = own ? sha256(Buffer.concat([bytes, own])) : sha256(bytes);
  if (opaUrl !== undefined) {
    const revision = await revisionOf(policiesDir, data);
    return { engine: await opaEngine({ url: opaUrl, revision, own: hasOwn, startMs }), wasm };
  }
  try {
    return { engine: wasmEngine(bytes, data, own), wasm };
  } catch (cause) {
    throw new GatehouseError(
      'GH-POLICY-003',
      `${join(policiesDir, 'policy.wasm')} is not a policy that can be run.`,
      {
        status: 500,
        next: `npx gatehouse policy build ${policiesDir}`,
        cause,
      },
    );
  }
}

/**
 * Runs compiled rules. After an exception it starts from a fresh memory.
 * @param own the compiled rules of the installation, which run in a memory of their own
 */
export function wasmEngine(wasm: Uint8Array, data: object, own: Uint8Array | null = null): Engine {
  const ask = instance(wasm, data);
  if (!own) return { name: 'opa-wasm', evaluate: (input) => ask(encode(input), entrypoint) };
  const askOwn = instance(own, data);
  return {
    name: 'opa-wasm',
    own: true,
    evaluate(input) {
      const bytes = encode(input);
      const answer = ask(bytes, entrypoint) as { result?: unknown }[];
      if (!Array.isArray(answer) || answer.length !== 1) return answer;
      let added: unknown;
      try {
        added = firstResult(askOwn(bytes, ownEntrypoint));
      } catch (cause) {
        throw new EngineFault('own_rules_failed', { cause });
      }
      // Who would approve is known for any call; it matters where an own rule is the one that asks.
      return [{ ...answer[0], own: added, approvers: firstResult(ask(bytes, approversEntrypoint)) ?? null }];
    },
  };
}

const firstResult = (answer: unknown): unknown =>
  Array.isArray(answer) ? (answer as { result?: unknown }[])[0]?.result : undefined;

// The SDK takes JSON as bytes too; one encoder for all calls is cheaper than its one a call.
const encode = (input: PolicyInput): ArrayBuffer => encoder.encode(JSON.stringify(input)).buffer;

function instance(wasm: Uint8Array, data: object): (input: ArrayBuffer, rule: string) => unknown {
  const fresh = (): Sdk.LoadedPolicy => {
    const loaded = loadPolicySync(wasm, {}, builtins);
    loaded.setData(data);
    return loaded;
  };
  let policy: Sdk.LoadedPolicy | undefined = fresh();
  return (input, rule) => {
    const loaded = policy ?? fresh();
    policy = undefined;
    const answer: unknown = loaded.evaluate(input, rule);
    policy = loaded;
    return answer;
  };
}

async function readWasm(policiesDir: string, name: string): Promise<Buffer> {
  const path = join(policiesDir, `${name}.wasm`);
  try {
    return await readFile(path);
  } catch (cause) {
    throw new GatehouseError('GH-POLICY-001', `${path} cannot be read.`, {
      status: 500,
      next: `Restore it from the repository, or: npx gatehouse policy build ${policiesDir}`,
      cause,
    });
  }
}

/** Rules that were taken away and not built without are a mistake, and not a wish to be without them. */
function checkNoneLeft(policiesDir: string): void {
  const path = join(policiesDir, 'local.wasm');
  if (!existsSync(path)) return;
  throw new GatehouseError('GH-POLICY-002', `${path} is there, and its rules are gone.`, {
    status: 500,
    next: `npx gatehouse policy build ${policiesDir}`,
  });
}

async function checkSources(policiesDir: string, folder: RulesFolder, wasm: string): Promise<void> {
  const binary = folder === 'rego' ? 'policy.wasm' : 'local.wasm';
  const path = join(policiesDir, `${binary}.json`);
  const differ = (what: string, cause?: unknown): GatehouseError =>
    new GatehouseError('GH-POLICY-002', `The rules and ${binary} do not belong together: ${what}.`, {
      status: 500,
      next: `npx gatehouse policy build ${policiesDir}`,
      cause,
    });
  let manifest: PolicyManifest;
  try {
    manifest = Manifest.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw differ(`${path} cannot be read`, cause);
  }
  if (manifest.wasm !== wasm) throw differ(`${binary} is not the file that its manifest names`);
  const { sources, lines } = await hashSources(policiesDir, folder);
  for (const name of new Set([...Object.keys(sources), ...Object.keys(manifest.sources)])) {
    if (sources[name] === manifest.sources[name]) continue;
    const file = join(policiesDir, folder, name);
    if (sources[name] === undefined) throw differ(`${file} is gone`);
    const line = firstChange(manifest.lines[name] ?? '', lines[name] ?? '');
    const complaint = await complaintOfOpa(
      policiesDir,
      Object.keys(sources).map((source) => join(folder, source)),
    );
    throw differ(
      `${file}:${line} was changed after the build${complaint ? `, and OPA refuses it:\n${complaint}` : ''}`,
    );
  }
}
