import { LineCounter, parseDocument, type Document } from 'yaml';
import { compileArguments, type ArgumentCheck } from './arguments.ts';
import { inconsistencies } from './consistency.ts';
import { faultOfIssue, unusable, type Fault, type FoundFault } from './faults.ts';
import { compilePins, type PinCheck } from './pins.ts';
import { ToolSchema, type ToolFile } from './schema.ts';

/** One thing a call can do, checked and ready. */
export interface Tool extends ToolFile {
  /** Null for arguments that keep the tool's schema. */
  readonly check: ArgumentCheck;
  /** Null where every reference to changeable content says which version is meant. */
  readonly pinned: PinCheck;
}

/** A tool and the line of its name, or all that is wrong with its file. */
export type ReadTool = { tool: Tool; line: number } | { faults: Fault[] };

const fields = Object.keys(ToolSchema.shape);

/**
 * Reads one tool file.
 * @param path named in faults
 * @param text its YAML
 * @returns the tool and the line of its name, or every fault of the file
 */
export function readTool(path: string, text: string): ReadTool {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  if (document.errors.length > 0) {
    return {
      faults: document.errors.map((error) => ({
        file: path,
        line: lines.linePos(error.pos[0]).line,
        field: 'the file',
        fault: (error.message.split('\n')[0] ?? error.message).replace(
          /( at line \d+, column \d+)?[.:]?$/,
          '',
        ),
        remedy: 'Correct the YAML.',
      })),
    };
  }
  const placed = ({ where, field, fault, remedy }: FoundFault): Fault => ({
    file: path,
    line: lineOf(document, lines, where),
    field: field ?? (where.join('.') || 'the file'),
    fault,
    remedy,
  });
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 0 });
  } catch {
    return {
      faults: [
        placed({ where: [], fault: 'uses YAML aliases', remedy: 'Write each value out in its place.' }),
      ],
    };
  }
  const parsed = ToolSchema.safeParse(content);
  if (!parsed.success) {
    const found = parsed.error.issues.map((issue) =>
      faultOfIssue(issue, fields, (where) => document.hasIn(where)),
    );
    return { faults: inOrder(found.map(placed)) };
  }
  const tool = parsed.data;
  const faults = inconsistencies(tool).map(placed);
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
  return {
    tool: Object.freeze({ ...tool, check, pinned: compilePins(tool.pins) }),
    line: lineOf(document, lines, ['name']),
  };
}

/**
 * Reads one tool file that has to be good.
 * @throws GatehouseError `GH-CATALOGUE-001` that names file, line and remedy of every fault
 */
export function parseTool(path: string, text: string): Tool {
  const read = readTool(path, text);
  if ('faults' in read) throw unusable(read.faults);
  return read.tool;
}

const inOrder = (faults: Fault[]): Fault[] => faults.sort((one, other) => one.line - other.line);

function compiled(tool: ToolFile): ArgumentCheck | string {
  try {
    return compileArguments(tool.args);
  } catch (error) {
    return error instanceof Error ? error.message.replace(/\.$/, '') : 'not a JSON Schema';
  }
}

/** The line of the deepest part of `where` that the file has; the first line when it has none of it. */
function lineOf(document: Document, lines: LineCounter, where: readonly string[]): number {
  for (let depth = where.length; depth > 0; depth -= 1) {
    const node = document.getIn(where.slice(0, depth), true) as
      { range?: [number, number, number] } | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
