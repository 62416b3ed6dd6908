import { mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { buildPackage } from '../../../scripts/build.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const require = createRequire(import.meta.url);

/**
 * Builds the package as it ships into a folder of this process, inside the repository, so that `n8n-workflow` resolves
 * as it does in n8n.
 * @returns the folder
 */
export async function built(): Promise<string> {
  const folder = `${root}node_modules/.cache/gatehouse-nodes-${process.pid}`;
  mkdirSync(folder, { recursive: true });
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  await buildPackage(folder);
  return folder;
}

/** Loads what n8n loads: the class that the file is named after. */
export function load<T>(folder: string, file: string): T {
  const name = file.split('/').pop()?.split('.')[0] ?? '';
  const module = require(`${folder}/${file}`) as Record<string, new () => T>;
  const Loaded = module[name];
  if (!Loaded) throw new Error(`${file} does not export ${name}`);
  return new Loaded();
}
