import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { GatehouseError } from '../config/index.ts';
import { digestOfText } from '../envelope/index.ts';
import { readApis } from './apis.ts';
import { commandKey } from './command.ts';
import { unreadable, unusable, type Fault } from './faults.ts';
import { readTool, type Tool } from './parse.ts';

/** Every tool that exists. What is not in it cannot be called. */
export interface Catalogue {
  /** Digest of the files that it was read from; part of the policy version, so a changed tool voids its grants. */
  readonly version: string;
  /** @param name compared letter by letter: nothing is trimmed, folded or normalised */
  get(name: string): Tool | undefined;
  list(): Tool[];
  /**
   * Reads the files again, beside what is in use; whoever has everything else ready then takes it.
   * @throws GatehouseError as `loadCatalogue`; what is in use stays
   */
  read(): NextCatalogue;
}

/** Tools that were read and are not in use yet. */
export interface NextCatalogue {
  readonly version: string;
  /** What the rules read of them as `data.tools`. */
  readonly data: Record<string, Pick<Tool, 'risk' | 'kinds'>>;
  /** Puts them in use, all at once. */
  use(): void;
}

/** The files of a catalogue as they are: its good tools, and every fault of the others. */
export interface CheckedCatalogue {
  tools: Map<string, Tool>;
  faults: Fault[];
  version: string;
}

const nameTaken = 'is declared in another file too';

/**
 * Loads `tools/*.yaml`, and `apis/*.yaml`, which they name.
 * @param policiesDir the folder that holds `tools/` and `apis/`; no tool may reach it
 * @param reserved further folders that no tool may reach
 * @throws GatehouseError `GH-CATALOGUE-001` (broken files, each with all its faults), `GH-CATALOGUE-002` (only a name used
 *   twice), `GH-CATALOGUE-003` (no such folder)
 */
export function loadCatalogue(policiesDir: string, reserved: readonly string[] = []): Catalogue {
  let current = good(checkCatalogue(policiesDir, reserved));
  return {
    get version() {
      return current.version;
    },
    get: (name) => current.tools.get(name),
    list: () => [...current.tools.values()],
    read() {
      const next = good(checkCatalogue(policiesDir, reserved));
      const data = [...next.tools.values()].map(({ name, risk, kinds }) => [name, { risk, kinds }] as const);
      return {
        version: next.version,
        data: Object.fromEntries(data),
        use: () => {
          current = next;
        },
      };
    },
  };
}

function good(checked: CheckedCatalogue): CheckedCatalogue {
  const { faults } = checked;
  if (faults.length === 0) return checked;
  throw unusable(
    faults,
    faults.every(({ fault }) => fault.endsWith(nameTaken)) ? 'GH-CATALOGUE-002' : undefined,
  );
}

/**
 * Reads every file, whatever is wrong with the others.
 * @throws GatehouseError `GH-CATALOGUE-003` where the folder cannot be read
 */
export function checkCatalogue(policiesDir: string, reserved: readonly string[] = []): CheckedCatalogue {
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
  const { apis, faults, texts } = readApis(policiesDir);
  for (const name of names) {
    const file = join(folder, name);
    const text = textOf(file);
    if (text === null) {
      faults.push({ file, ...unreadable });
      continue;
    }
    const read = readTool(file, text, apis, [policiesDir, ...reserved]);
    texts.push(text);
    if ('faults' in read) faults.push(...read.faults);
    else if (tools.has(read.tool.name)) {
      const fault = `the tool ${read.tool.name} ${nameTaken}`;
      faults.push({
        file,
        line: read.line,
        field: 'name',
        fault,
        remedy: 'Give one of the two another name.',
      });
    } else {
      const twin = [...tools.values()].find(
        (tool) => tool.command !== undefined && commandKey(tool) === commandKey(read.tool),
      );
      if (twin) {
        const fault = `${twin.name} has the command \`${commandKey(twin)}\` already`;
        faults.push({
          file,
          line: read.line,
          field: 'command',
          fault,
          remedy: 'Give one of the two another word.',
        });
      }
      tools.set(read.tool.name, read.tool);
    }
  }
  return { tools, faults, version: digestOfText(JSON.stringify(texts)) };
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
