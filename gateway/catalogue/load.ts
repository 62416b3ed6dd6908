import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { GatehouseError } from '../config/index.ts';
import { digestOfText } from '../envelope/index.ts';
import { parseTool, type Tool } from './parse.ts';

/** Every tool that exists. What is not in it cannot be called. */
export interface Catalogue {
  /** Digest of the files that it was read from; part of the policy version, so a changed tool voids its grants. */
  readonly version: string;
  /** @param name case-exact */
  get(name: string): Tool | undefined;
  list(): Tool[];
  /** Reads the files again; when one is broken it throws and the last good catalogue stays. */
  reload(): void;
}

/**
 * Loads `tools/*.yaml`.
 * @param policiesDir the folder that holds `tools/`
 * @throws GatehouseError `GH-CATALOGUE-001` (a broken file), `GH-CATALOGUE-002` (a name used twice),
 *   `GH-CATALOGUE-003` (no such folder)
 */
export function loadCatalogue(policiesDir: string): Catalogue {
  let current = read(policiesDir);
  return {
    get version() {
      return current.version;
    },
    get: (name) => current.tools.get(name),
    list: () => [...current.tools.values()],
    reload() {
      current = read(policiesDir);
    },
  };
}

function read(policiesDir: string): { version: string; tools: Map<string, Tool> } {
  const folder = join(policiesDir, 'tools');
  let names: string[];
  try {
    names = readdirSync(folder)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort();
  } catch (cause) {
    throw new GatehouseError('GH-CATALOGUE-003', `The tool catalogue ${folder} cannot be read.`, {
      status: 500,
      next: 'Set GATEHOUSE_POLICIES_DIR to the folder that holds tools/.',
      cause,
    });
  }
  const tools = new Map<string, Tool>();
  const texts: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const text = readFileSync(path, 'utf8');
    const tool = parseTool(path, text);
    if (tools.has(tool.name)) {
      throw new GatehouseError(
        'GH-CATALOGUE-002',
        `${path}: the tool ${tool.name} is declared in another file too.`,
        {
          status: 500,
          next: 'Give one of the two another name.',
        },
      );
    }
    tools.set(tool.name, tool);
    texts.push(text);
  }
  return { version: digestOfText(JSON.stringify(texts)), tools };
}
