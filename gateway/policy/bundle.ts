import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runOpa } from './opa.ts';
import { checkPackages, ownAnswer } from './packages.ts';
import { revisionOf } from './revision.ts';
import { ruleFiles } from './sources.ts';

/**
 * Writes a bundle that an OPA beside the gateway serves: rules, data, and the revision that it gives with each answer. The
 * bundle owns all of OPA's data, so that nobody can change a part of it through OPA's API.
 * @param file where to; replaced in one step, since OPA may be watching it
 * @param data what the rules read as `data`
 * @returns the revision
 * @throws GatehouseError `GH-POLICY-010`, `GH-POLICY-014`
 */
export async function buildBundle(
  opaPath: string,
  policiesDir: string,
  file: string,
  data: object,
): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), 'gatehouse-bundle-'));
  try {
    const revision = await revisionOf(policiesDir, data);
    const packages = await checkPackages(opaPath, policiesDir);
    const content = join(work, 'bundle');
    for (const folder of ['rego', 'local'] as const) {
      await mkdir(join(content, folder), { recursive: true });
      for (const name of await ruleFiles(policiesDir, folder)) {
        await cp(join(policiesDir, folder, name), join(content, folder, name));
      }
    }
    const own = (await ruleFiles(policiesDir, 'local')).length > 0;
    if (own) await writeFile(join(content, 'local_rules.rego'), ownAnswer(packages));
    await writeFile(join(content, 'served.rego'), served(revision, own));
    await writeFile(join(content, 'data.json'), JSON.stringify(data));
    const made = join(work, 'bundle.tar.gz');
    await runOpa(opaPath, ['build', '--bundle', content, '--revision', revision, '--output', made], work);
    const target = resolve(file);
    await cp(made, `${target}.new`);
    await rename(`${target}.new`, target);
    return revision;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What OPA is asked: decision and revision from one evaluation. Undefined where the decision is. */
function served(revision: string, own: boolean): string {
  return `package served

answer := {
	"revision": ${JSON.stringify(revision)},
	"decision": data.gatehouse.decision,
	"own": ${own ? 'data.local_rules.answer' : 'null'},
	"approvers": data.gatehouse.would_ask,
}
`;
}
