import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadCatalogue, type Catalogue } from '../catalogue/index.ts';
import { GatehouseError } from '../config/index.ts';
import { digestOfText } from '../envelope/index.ts';
import type { ApprovalClass, ApprovalClasses } from './approval-classes.ts';
import { buildPolicy } from './build.ts';
import { readPolicyData } from './data.ts';
import { loadEngine, wasmEngine } from './engine.ts';
import { askPolicy } from './fail-closed.ts';
import { findOpa } from './opa.ts';
import { toolFacts } from './judge.ts';
import { noSuchTool, refusalOf } from './question.ts';
import { sha256 } from './sources.ts';
import type { Engine, PolicyInput, Verdict } from './types.ts';

/** Rules with their tools and approval classes, asked of recorded inputs. */
export interface Answering {
  /** What they say. Risk and kinds of the tool are their own, not the recorded ones; origins stay. Never throws. */
  decide(input: PolicyInput): Promise<Verdict>;
  approvalClass(risk: string): ApprovalClass | undefined;
}

/** A policy that is asked beside the one in force, and decides nothing. */
export interface Candidate extends Answering {
  /** Digest of its rules, tools and approval classes. */
  readonly version: string;
}

/**
 * Opens a policies folder, or a bundle that `opa build -t wasm` made, to be asked beside the policy in force. A folder
 * whose `policy.wasm` is missing or out of date is built elsewhere; nothing is written into it.
 * @param path folder, or `.tar.gz`; a bundle is asked with tools and approval classes of `beside`
 * @param beside the policies folder in force
 * @throws GatehouseError as for a start with it, and `GH-POLICY-042` for what is neither
 */
export async function openCandidate(path: string, beside: string): Promise<Candidate> {
  const found = await stat(path).catch(() => null);
  if (!found) throw notThere(path);
  const folder = found.isDirectory() ? path : beside;
  const catalogue = loadCatalogue(folder);
  const { classes, data } = await readPolicyData(folder, new Date(), catalogue.read());
  const { engine, wasm } = found.isDirectory()
    ? await engineOfFolder(folder, data)
    : await engineOfBundle(path, data);
  return {
    ...answering({ engine, classes, catalogue }),
    version: digestOfText(JSON.stringify([wasm, data, catalogue.version])),
  };
}

/** Answers for recorded inputs by rules, tools and approval classes that belong together. */
export function answering(rules: {
  engine: Engine;
  classes: ApprovalClasses;
  catalogue: Pick<Catalogue, 'get'>;
}): Answering {
  return {
    async decide(input) {
      const tool = rules.catalogue.get(input.tool.name);
      if (!tool) return { effect: 'deny', reasons: [noSuchTool], approvers: null };
      const refusal = refusalOf(tool, input.args);
      if (refusal) return { effect: 'deny', reasons: [refusal], approvers: null };
      const leaves = input.leaves.map((leaf) => ({ ...leaf, kind: tool.kinds[leaf.arg] ?? leaf.kind }));
      return askPolicy(rules.engine, { ...input, tool: toolFacts(tool), leaves });
    },
    approvalClass: (risk) => rules.classes.get(risk),
  };
}

type Loaded = Promise<{ engine: Engine; wasm: string }>;

async function engineOfFolder(folder: string, data: object): Loaded {
  try {
    return await loadEngine(folder, data);
  } catch (error) {
    const opa = error instanceof GatehouseError && /^GH-POLICY-00[12]$/.test(error.code) && (await findOpa());
    if (!opa) throw error;
    return inTemporary(async (work) => {
      for (const name of ['rego', 'local'])
        if (existsSync(join(folder, name)))
          await cp(join(folder, name), join(work, name), { recursive: true });
      await buildPolicy(opa, work);
      return loadEngine(work, data);
    });
  }
}

const engineOfBundle = (bundle: string, data: object): Loaded =>
  inTemporary(async (work) => {
    try {
      await promisify(execFile)('tar', ['-xzf', bundle, '-C', work, '/policy.wasm']);
    } catch (cause) {
      throw notThere(bundle, cause);
    }
    const bytes = await readFile(join(work, 'policy.wasm'));
    return { engine: wasmEngine(bytes, data), wasm: sha256(bytes) };
  });

async function inTemporary<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-candidate-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const notThere = (path: string, cause?: unknown): GatehouseError =>
  new GatehouseError('GH-POLICY-042', `${path} is no policies folder and no bundle of one.`, {
    status: 404,
    next: 'Name a folder with rego/, tools/ and approvals.yaml, or what opa build -t wasm wrote.',
    cause,
  });
