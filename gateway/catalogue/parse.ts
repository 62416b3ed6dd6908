import { LineCounter, parseDocument, type Document } from 'yaml';
import { GatehouseError } from '../config/index.ts';
import { compileArguments, type ArgumentCheck } from './arguments.ts';
import { ToolSchema, type ToolFile } from './schema.ts';
import { placeholders } from './sentence.ts';

/** One thing a call can do, checked and ready. */
export interface Tool extends ToolFile {
  /** Null for arguments that keep the tool's schema. */
  readonly check: ArgumentCheck;
}

/**
 * Reads one tool file.
 * @param path named in errors
 * @param text its YAML
 * @throws GatehouseError `GH-CATALOGUE-001` that names file, line and remedy of every fault
 */
export function parseTool(path: string, text: string): Tool {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const faults: string[] = document.errors.map(
    (error) =>
      `${path}:${lines.linePos(error.pos[0]).line}: ${error.message.split('\n')[0] ?? error.message}`,
  );
  if (faults.length > 0) throw unusable(faults);

  const at = (where: readonly PropertyKey[]): string => `${path}:${lineOf(document, lines, where)}`;
  const parsed = ToolSchema.safeParse(document.toJS());
  if (!parsed.success) {
    throw unusable(
      parsed.error.issues.map((issue) => {
        const where = issue.path.map(String);
        const keys = 'keys' in issue ? issue.keys : [];
        const shown = [...where, ...keys.slice(0, 1)];
        return `${at(shown)}: ${shown.join('.') || 'the file'}: ${issue.message}`;
      }),
    );
  }
  const tool = parsed.data;
  faults.push(...inconsistencies(tool).map(({ where, text: fault }) => `${at(where)}: ${fault}`));
  if (faults.length > 0) throw unusable(faults);
  try {
    return Object.freeze({ ...tool, check: compileArguments(tool.args) });
  } catch (error) {
    throw unusable([
      `${at(['args'])}: args: ${error instanceof Error ? error.message : 'not a JSON Schema'}`,
    ]);
  }
}

function inconsistencies(tool: ToolFile): { where: string[]; text: string }[] {
  const faults: { where: string[]; text: string }[] = [];
  const names = Object.keys(tool.args.properties);
  const known = new Set(names);
  for (const [name, schema] of Object.entries(tool.args.properties)) {
    if (!Object.hasOwn(tool.kinds, name)) {
      faults.push({ where: ['kinds'], text: `kinds: say what the argument \`${name}\` decides` });
    }
    if (
      schema.type === 'string' &&
      !['maxLength', 'enum', 'const'].some((key) => Object.hasOwn(schema, key))
    ) {
      faults.push({ where: ['args', 'properties', name], text: `args.${name}: give the text a maxLength` });
    }
  }
  const refer = (where: string[], name: string): void => {
    if (!known.has(name))
      faults.push({ where, text: `${where.join('.')}: there is no argument \`${name}\`` });
  };
  for (const name of Object.keys(tool.kinds)) refer(['kinds', name], name);
  for (const name of Object.keys(tool.constants)) refer(['constants', name], name);
  for (const name of tool.args.required) refer(['args', 'required'], name);
  for (const name of Object.values(tool.money ?? {})) refer(['money'], name);
  for (const name of placeholders(tool.sentence)) refer(['sentence'], name);
  for (const name of placeholders(tool.done)) if (!name.startsWith('result.')) refer(['done'], name);
  if (tool.risk === 'payment' && !tool.money) {
    faults.push({
      where: ['risk'],
      text: 'money: a payment says which arguments are its amount and currency',
    });
  }
  faults.push(...connectorFaults(tool, refer));
  return faults;
}

function connectorFaults(
  tool: ToolFile,
  refer: (where: string[], name: string) => void,
): { where: string[]; text: string }[] {
  const { connector } = tool;
  const faults: { where: string[]; text: string }[] = [];
  if (connector.kind === 'postgres') {
    for (const parameter of connector.parameters) {
      if (parameter.startsWith('args.')) refer(['connector', 'parameters'], parameter.slice('args.'.length));
    }
    const used = new Set([...connector.statement.matchAll(/\$(\d+)/g)].map((match) => Number(match[1])));
    if (used.size !== connector.parameters.length || Math.max(0, ...used) !== connector.parameters.length) {
      faults.push({
        where: ['connector', 'parameters'],
        text: `connector.parameters: the statement uses ${used.size}, the list has ${connector.parameters.length}`,
      });
    }
    if (!tool.secret) {
      faults.push({ where: ['connector'], text: 'secret: name the secret that holds the connection URL' });
    }
  }
  if (connector.kind === 'http' && !tool.egress) {
    faults.push({ where: ['connector'], text: 'egress: list the hosts that the tool may reach' });
  }
  return faults;
}

/** The line of the deepest part of `where` that the file has; the first line when it has none of it. */
function lineOf(document: Document, lines: LineCounter, where: readonly PropertyKey[]): number {
  for (let depth = where.length; depth > 0; depth -= 1) {
    const node = document.getIn(where.slice(0, depth), true) as
      { range?: [number, number, number] } | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function unusable(faults: string[]): GatehouseError {
  return new GatehouseError(
    'GH-CATALOGUE-001',
    `The tool catalogue is not usable:\n  ${faults.join('\n  ')}`,
    {
      status: 500,
      next: 'Correct the lines named above.',
    },
  );
}
