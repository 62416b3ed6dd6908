import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type * as Sdk from '@open-policy-agent/opa-wasm';
import { z } from 'zod';
import { GatehouseError } from '../config/index.ts';
import { entrypoint, firstChange, hashSources, sha256, type PolicyManifest } from './build.ts';
import { complaintOfOpa } from './opa.ts';
import type { PolicyInput } from './types.ts';

// As an ES module the package lacks the named exports that its types declare; as CommonJS it has them.
export const { loadPolicySync } = createRequire(import.meta.url)('@open-policy-agent/opa-wasm') as typeof Sdk;

const encoder = new TextEncoder();

/** Anything that evaluates the rules. Its answer is not trusted: `askPolicy` checks it. */
export interface Engine {
  readonly name: string;
  /** @returns the answer, or a promise of it */
  evaluate(input: PolicyInput): unknown;
}

const Manifest = z.strictObject({
  opa: z.string(),
  entrypoint: z.string(),
  wasm: z.string(),
  sources: z.record(z.string(), z.string()),
  lines: z.record(z.string(), z.string()).default({}),
}) satisfies z.ZodType<PolicyManifest>;

/**
 * Loads `policy.wasm` after checking that it was built from the rules beside it.
 * @param policiesDir the folder that holds `rego/`, `policy.wasm` and `policy.wasm.json`
 * @param data what the rules read as `data`
 * @returns the engine and the binary's SHA-256
 * @throws GatehouseError `GH-POLICY-001` (a missing file), `GH-POLICY-002` (source and binary differ),
 *   `GH-POLICY-003` (not a policy of ours)
 */
export async function loadEngine(
  policiesDir: string,
  data: object,
): Promise<{ engine: Engine; wasm: string }> {
  const bytes = await readWasm(policiesDir);
  const wasm = sha256(bytes);
  await checkSources(policiesDir, wasm);
  try {
    return { engine: wasmEngine(bytes, data), wasm };
  } catch (cause) {
    throw new GatehouseError(
      'GH-POLICY-003',
      `${join(policiesDir, 'policy.wasm')} is not a policy that can be run.`,
      {
        status: 500,
        next: 'Run gatehouse policy build.',
        cause,
      },
    );
  }
}

/** Runs a compiled policy. After an exception it starts from a fresh memory. */
export function wasmEngine(wasm: Uint8Array, data: object): Engine {
  const fresh = (): Sdk.LoadedPolicy => {
    const loaded = loadPolicySync(wasm);
    loaded.setData(data);
    return loaded;
  };
  let policy: Sdk.LoadedPolicy | undefined = fresh();
  return {
    name: 'opa-wasm',
    evaluate(input) {
      const loaded = policy ?? fresh();
      policy = undefined;
      // The SDK takes JSON as bytes too; one encoder for all calls is cheaper than its one a call.
      const answer: unknown = loaded.evaluate(encoder.encode(JSON.stringify(input)).buffer, entrypoint);
      policy = loaded;
      return answer;
    },
  };
}

async function readWasm(policiesDir: string): Promise<Buffer> {
  const path = join(policiesDir, 'policy.wasm');
  try {
    return await readFile(path);
  } catch (cause) {
    throw new GatehouseError('GH-POLICY-001', `${path} cannot be read.`, {
      status: 500,
      next: 'Run gatehouse policy build, or restore the file from the repository.',
      cause,
    });
  }
}

async function checkSources(policiesDir: string, wasm: string): Promise<void> {
  const path = join(policiesDir, 'policy.wasm.json');
  const differ = (what: string, cause?: unknown): GatehouseError =>
    new GatehouseError('GH-POLICY-002', `The rules and policy.wasm do not belong together: ${what}.`, {
      status: 500,
      next: 'Run gatehouse policy build.',
      cause,
    });
  let manifest: PolicyManifest;
  try {
    manifest = Manifest.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw differ(`${path} cannot be read`, cause);
  }
  if (manifest.wasm !== wasm) throw differ('policy.wasm is not the file that its manifest names');
  const { sources, lines } = await hashSources(policiesDir);
  for (const name of new Set([...Object.keys(sources), ...Object.keys(manifest.sources)])) {
    if (sources[name] === manifest.sources[name]) continue;
    const file = join(policiesDir, 'rego', name);
    if (sources[name] === undefined) throw differ(`${file} is gone`);
    const line = firstChange(manifest.lines[name] ?? '', lines[name] ?? '');
    const complaint = await complaintOfOpa(policiesDir, Object.keys(sources));
    throw differ(
      `${file}:${line} was changed after the build${complaint ? `, and OPA refuses it:\n${complaint}` : ''}`,
    );
  }
}
