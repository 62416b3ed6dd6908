import type { Apis } from './apis.ts';
import { compileArguments, type ArgumentCheck } from './arguments.ts';
import { inconsistencies } from './consistency.ts';
import { inOrder, readDocument } from './document.ts';
import { unusable, type Fault } from './faults.ts';
import { compilePins, type PinCheck } from './pins.ts';
import type { Api } from './rest.ts';
import { ToolSchema, type ToolFile } from './schema.ts';

/** One thing a call can do, checked and ready. */
export interface Tool extends ToolFile {
  /** Null for arguments that keep the tool's schema. */
  readonly check: ArgumentCheck;
  /** Null where every reference to changeable content says which version is meant. */
  readonly pinned: PinCheck;
  /** The system that a `rest` tool reaches; its secret is the tool's. Null for every other tool. */
  readonly api: Api | null;
}

/** A tool and the line of its name, or all that is wrong with its file. */
export type ReadTool = { tool: Tool; line: number } | { faults: Fault[] };

/**
 * Reads one tool file.
 * @param path named in faults
 * @param text its YAML
 * @param apis the systems that it may name
 * @param reserved folders that it may not reach
 * @returns the tool and the line of its name, or every fault of the file
 */
export function readTool(
  path: string,
  text: string,
  apis: Apis = new Map(),
  reserved: readonly string[] = [],
): ReadTool {
  const read = readDocument(path, text, ToolSchema, 'a tool');
  if ('faults' in read) return read;
  const { placed } = read;
  const api = apiOf(read.value, apis);
  const tool = api?.auth ? { ...read.value, secret: api.auth.secret } : read.value;
  const faults = inconsistencies(read.value, { api, known: [...apis.keys()], reserved }).map(placed);
  const check = compiled(tool);
  if (typeof check === 'string') {
    faults.push(
      placed({
        where: ['args'],
        fault: check,
        remedy: 'Correct the schema; keywords that it does not know are refused.',
      }),
    );
  } else {
    const wrong = tool.example && check(tool.example);
    if (wrong) {
      faults.push(
        placed({
          where: ['example', wrong.field],
          fault: `the example does not keep the schema: ${wrong.field} ${wrong.text}`,
          remedy: 'Correct the example, or the schema.',
        }),
      );
    }
  }
  if (faults.length > 0 || typeof check === 'string') return { faults: inOrder(faults) };
  const { line } = placed({ where: ['name'], fault: '', remedy: '' });
  return { tool: Object.freeze({ ...tool, check, pinned: compilePins(tool.pins), api }), line };
}

/**
 * Reads one tool file that has to be good.
 * @throws GatehouseError `GH-CATALOGUE-001` that names file, line and remedy of every fault
 */
export function parseTool(path: string, text: string, apis?: Apis): Tool {
  const read = readTool(path, text, apis);
  if ('faults' in read) throw unusable(read.faults);
  return read.tool;
}

function apiOf({ connector }: ToolFile, apis: Apis): Api | null {
  if (connector.kind !== 'rest') return null;
  return typeof connector.api === 'string' ? (apis.get(connector.api) ?? null) : connector.api;
}

function compiled(tool: ToolFile): ArgumentCheck | string {
  try {
    return compileArguments(tool.args);
  } catch (error) {
    return error instanceof Error ? error.message.replace(/\.$/, '') : 'not a JSON Schema';
  }
}
