import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunContext } from '../../../gateway/policy/index.ts';
import { createTools, type Execution, type Tools } from '../../../gateway/tools/index.ts';
import { policiesDir, runOf } from '../policy/support.ts';
import { approve, bench, storeRun, type Bench } from './support.ts';

/** Everything that a tool of a vendor stands on, with the vendor's fake in the vendor's place. */
export interface VendorBench {
  at: Bench;
  tools: Tools;
  /** Runs a call as its person does: decided, approved where the rules ask for it, and carried out. */
  call(tool: string, args: Record<string, unknown>): Promise<Execution>;
  /** The message of the last call. */
  run(): RunContext;
  close(): Promise<void>;
}

/**
 * The shipped policies with the address of one vendor replaced, as an operator would do it.
 * @param api name of its file in `policies/apis`
 * @param change of that file's text, after its address
 */
export async function vendorBench(
  api: string,
  url: string,
  secret: { name: string; value: string } | null,
  change: (text: string) => string = (text) => text,
): Promise<VendorBench> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-vendor-'));
  await cp(policiesDir, folder, { recursive: true });
  const file = join(folder, 'apis', `${api}.yaml`);
  const text = (await readFile(file, 'utf8')).replace(/^url: .*$/m, `url: ${url}`);
  assert.ok(text.includes(url));
  await writeFile(file, change(`${text}plainHttp: true\nprivateNetworks: [127.0.0.0/8]\n`));
  const at = await bench({}, folder);
  if (secret) await at.store.set(secret.name, secret.value);
  const tools = createTools(at.deps);
  let round = 0;
  const run = (): RunContext => {
    const id = String(round).padStart(12, '0');
    return runOf({ runId: `00000000-0000-7000-8000-${id}`, messageId: `web:local:c1:${round}:0` });
  };
  return {
    at,
    tools,
    run,
    async call(tool, args) {
      round += 1;
      await storeRun(at, run());
      const decision = await at.policy.decide(run(), { tool, args, step: 'check' });
      assert.notEqual(decision.effect, 'deny', JSON.stringify(decision.reasons));
      const grant = decision.grant ?? (await approve(at, decision.id));
      return tools.execute(run(), { tool, args, grant, step: 'x' });
    },
    async close() {
      await at.close();
      await rm(folder, { recursive: true });
    },
  };
}
