import { join } from 'node:path';
import { GatehouseError } from '../config/index.ts';
import { runOpa } from './opa.ts';
import { ruleFiles, type RulesFolder } from './sources.ts';

/** The sets that rules of an installation may add to. There is no `permissions` among them: they only tighten. */
export const ownSets = ['denials', 'approvals', 'confirmations'] as const;

/** A package of `local/` with the sets that it adds to. */
export interface OwnPackage {
  path: string[];
  sets: string[];
}

interface Location {
  row: number;
}
interface Term {
  type: string;
  value: unknown;
  location?: Location;
}
interface Module {
  package: { path: Term[]; location?: Location };
  rules?: { head: { name?: string; ref?: Term[]; location?: Location } }[];
}

/**
 * Keeps rules that ship and rules of an installation apart, by their syntax tree and not by their text: each folder has its
 * packages, and neither reads the other's.
 * @returns the packages of `local/`
 * @throws GatehouseError `GH-POLICY-014` that names file, line and remedy
 */
export async function checkPackages(opaPath: string, policiesDir: string): Promise<OwnPackage[]> {
  const faults: string[] = [];
  const own = new Map<string, OwnPackage>();
  for (const folder of ['rego', 'local'] as const) {
    for (const name of await ruleFiles(policiesDir, folder)) {
      const file = join(folder, name);
      const module = await parsed(opaPath, policiesDir, file);
      faults.push(...faultsOf(module, folder).map(({ line, text }) => `${file}:${line}: ${text}`));
      if (folder === 'local') collect(own, module);
    }
  }
  if (faults.length > 0) {
    throw new GatehouseError('GH-POLICY-014', `The rules are not kept apart:\n  ${faults.join('\n  ')}`, {
      status: 500,
      next: 'Rules of your own stand in policies/local, in package local.<name>, and only tighten; docs/policy.md shows one.',
    });
  }
  return [...own.values()].filter(({ sets }) => sets.length > 0);
}

async function parsed(opaPath: string, policiesDir: string, file: string): Promise<Module> {
  const options = ['--format', 'json', '--json-include', 'locations'];
  try {
    return JSON.parse(await runOpa(opaPath, ['parse', ...options, file], policiesDir)) as Module;
  } catch (error) {
    // `parse` complains in JSON, and `check` in words.
    await runOpa(opaPath, ['check', file], policiesDir);
    throw error;
  }
}

/** A package that puts all own rules together under one name, which is what the engines ask for. */
export function ownAnswer(packages: readonly OwnPackage[]): string {
  const ref = ({ path }: OwnPackage, set: string): string =>
    ['data', ...path.map((part) => `[${JSON.stringify(part)}]`), `[${JSON.stringify(set)}]`].join('');
  const rules = packages.flatMap((entry) =>
    entry.sets.map((set) => `${set} contains reason if some reason in ${ref(entry, set)}`),
  );
  const answer = ownSets.map((set) => `"${set}": [reason | some reason in ${set}]`).join(', ');
  // A set that nobody adds to is empty, and not undefined.
  const empty = ownSets.map((set) => `${set} contains reason if some reason in []`);
  return ['package local_rules', ...empty, ...rules, `answer := {${answer}}`, ''].join('\n\n');
}

function collect(own: Map<string, OwnPackage>, module: Module): void {
  const path = pathOf(module);
  const key = path.join('.');
  const entry = own.get(key) ?? { path, sets: [] };
  const names = new Set((module.rules ?? []).map(({ head }) => nameOf(head)));
  entry.sets = ownSets.filter((set) => names.has(set) || entry.sets.includes(set));
  own.set(key, entry);
}

const pathOf = (module: Module): string[] => module.package.path.slice(1).map(({ value }) => String(value));

const nameOf = (head: { name?: string; ref?: Term[] }): string => head.name ?? String(head.ref?.[0]?.value);

function faultsOf(module: Module, folder: RulesFolder): { line: number; text: string }[] {
  const path = pathOf(module);
  const line = module.package.location?.row ?? module.package.path[0]?.location?.row ?? 1;
  const faults: { line: number; text: string }[] = [];
  if (folder === 'rego' && path[0] !== 'gatehouse') {
    faults.push({
      line,
      text: `package ${path.join('.')} does not belong into rego/; rules of your own stand in local/`,
    });
  }
  if (folder === 'local' && (path[0] !== 'local' || path.length < 2)) {
    faults.push({ line, text: `package ${path.join('.')} is not one of local/; write package local.<name>` });
  }
  for (const { head } of folder === 'local' ? (module.rules ?? []) : []) {
    if (nameOf(head) !== 'permissions') continue;
    faults.push({
      line: head.location?.row ?? line,
      text: 'rules of your own only tighten, so they permit nothing',
    });
  }
  const { package: _package, ...body } = module;
  return [...faults, ...foreignReads(body, folder)];
}

/** Reads of the other side's packages, and of `data` as a whole, which holds them. */
function foreignReads(node: unknown, folder: RulesFolder): { line: number; text: string }[] {
  if (typeof node !== 'object' || node === null) return [];
  if (Array.isArray(node)) return node.flatMap((entry) => foreignReads(entry, folder));
  const term = node as Partial<Term>;
  const line = term.location?.row ?? 1;
  if (term.type === 'var' && term.value === 'data')
    return [{ line, text: 'data is read as a whole; name what is read' }];
  if (term.type === 'ref' && Array.isArray(term.value)) {
    const [head, first, ...rest] = term.value as Term[];
    if (head?.type === 'var' && head.value === 'data' && first) {
      const name = first.type === 'string' ? String(first.value) : null;
      if (name === null)
        return [{ line, text: 'data is read by a name that is computed; write the name out' }];
      const foreign = folder === 'local' ? ['gatehouse'] : ['local'];
      const text = `data.${name} is not visible from ${folder}/`;
      const found = [...foreign, 'local_rules', 'served'].includes(name) ? [{ line, text }] : [];
      return [...found, ...foreignReads(rest, folder)];
    }
  }
  return Object.values(node).flatMap((entry) => foreignReads(entry, folder));
}
