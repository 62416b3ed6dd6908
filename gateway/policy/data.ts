import { loadCatalogue, type NextCatalogue } from '../catalogue/index.ts';
import { readApprovalClasses, type ApprovalClasses } from './approval-classes.ts';
import { loadEngine } from './engine.ts';
import { readLimits, type PolicyLimits } from './limits.ts';
import { readOverrides, type Overrides } from './overrides.ts';
import type { Engine } from './types.ts';

/** What the rules read as `data`, and the files that it comes from. */
export interface PolicyData {
  classes: ApprovalClasses;
  limits: PolicyLimits;
  overrides: Overrides;
  data: { approvals: object; limits: object; automations: object; overrides: object; tools: object };
}

/**
 * Reads all that the rules read as `data`: the gateway, a bundle for OPA and the tests of rules see the same.
 * @param catalogue whose tools the rules see; read from the same folder where none is given
 * @throws GatehouseError `GH-POLICY-011`, `-012` and `-017`, naming file, line and fault
 */
export async function readPolicyData(
  policiesDir: string,
  now: Date,
  catalogue: Pick<NextCatalogue, 'data'> = loadCatalogue(policiesDir).read(),
): Promise<PolicyData> {
  const classes = await readApprovalClasses(policiesDir);
  const limits = await readLimits(policiesDir);
  const overrides = await readOverrides(policiesDir, now, catalogue);
  return {
    classes,
    limits,
    overrides,
    data: { approvals: classes.data, ...limits.data, overrides: overrides.data, tools: catalogue.data },
  };
}

/**
 * The rules as they are built, with their data, in process: for tests of them.
 * @throws GatehouseError as `readPolicyData` and `loadEngine`
 */
export async function loadBuiltRules(policiesDir: string, now: Date): Promise<Engine> {
  const { data } = await readPolicyData(policiesDir, now);
  return (await loadEngine(policiesDir, data)).engine;
}

/**
 * Asks an OPA once whether it serves the rules and data of this folder.
 * @throws GatehouseError as `readPolicyData` and `loadEngine`
 */
export async function checkOpa(policiesDir: string, opaUrl: string, now: Date): Promise<void> {
  const { data } = await readPolicyData(policiesDir, now);
  const { engine } = await loadEngine(policiesDir, data, opaUrl, 0);
  await engine.close?.();
}
