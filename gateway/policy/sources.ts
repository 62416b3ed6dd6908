import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Where rules lie: those that ship, and those of an installation. */
export type RulesFolder = 'rego' | 'local';

/** What stands beside a binary: which files it was built from, by which OPA. */
export interface PolicyManifest {
  opa: string;
  entrypoint: string;
  wasm: string;
  sources: Record<string, string>;
  /** For each rule file, four hex digits a line: they tell which line was changed after the build. */
  lines: Record<string, string>;
}

/**
 * SHA-256 of each rule file and of its lines, by name. Tests of rules (`*_test.rego`) are not part of a binary.
 * @param folder `local` may be absent, and is empty then
 */
export async function hashSources(
  policiesDir: string,
  folder: RulesFolder = 'rego',
): Promise<Pick<PolicyManifest, 'sources' | 'lines'>> {
  const texts = await Promise.all(
    (await ruleFiles(policiesDir, folder)).map(
      async (name) => [name, await readFile(join(policiesDir, folder, name), 'utf8')] as const,
    ),
  );
  return {
    sources: Object.fromEntries(texts.map(([name, text]) => [name, sha256(Buffer.from(text))])),
    lines: Object.fromEntries(texts.map(([name, text]) => [name, hashLines(text)])),
  };
}

/** @returns the names of a folder's rule files, or of the tests of its rules, in order */
export async function ruleFiles(
  policiesDir: string,
  folder: RulesFolder,
  kind: 'rules' | 'tests' = 'rules',
): Promise<string[]> {
  const names = await readdir(join(policiesDir, folder)).catch((error: NodeJS.ErrnoException) => {
    if (folder === 'local' && error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .filter((name) => name.endsWith('.rego') && name.endsWith('_test.rego') === (kind === 'tests'))
    .sort();
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
