import type { FoundFault } from './faults.ts';
import type { PreviewStatement, ToolFile } from './schema.ts';

const strings = /'(?:[^']|'')*'|"(?:[^"]|"")*"/g;
const comments = /--[^\n]*|\/\*[\s\S]*?\*\//g;
const writes = /\b(insert|update|delete|merge|truncate|into|call|copy|do|set|lock|nextval|setval)\b/i;

/** Every place of a dry run that names an argument. */
export function previewReferences({ preview }: ToolFile): [string[], string][] {
  if (!preview || !('statement' in preview)) return [];
  return [
    ...preview.parameters.map((name): [string[], string] => [['preview', 'parameters'], name]),
    ...Object.entries(preview.columns).flatMap(([name, { money }]): [string[], string][] =>
      money === undefined ? [] : [[['preview', 'columns', name], money]],
    ),
  ];
}

/** What is wrong with a dry run. That it writes nothing is held by its read-only transaction; this says so earlier. */
export function previewFaults({ preview, connector }: ToolFile): FoundFault[] {
  if (!preview || 'none' in preview) return [];
  const able = 'dryRun' in preview ? ['postgres', 'files', 'smtp'] : ['postgres'];
  if (!able.includes(connector.kind)) {
    return [
      {
        where: ['preview'],
        fault: `the connector ${connector.kind} has no dry run${'dryRun' in preview ? '' : ' by statement'}`,
        remedy: 'Write preview: { none: why there is none, for the card }.',
      },
    ];
  }
  if ('dryRun' in preview) return [];
  const faults = parameterFaults('preview', preview);
  if (!isOneSelect(preview)) {
    faults.push({
      where: ['preview', 'statement'],
      fault: 'a dry run is one SELECT, or WITH … SELECT, that writes nothing',
      remedy: 'Write what is looked up as one SELECT without a semicolon.',
    });
  }
  if (Object.keys(preview.columns).length === 0) {
    faults.push({
      where: ['preview', 'columns'],
      fault: 'a dry run without columns shows nothing',
      remedy: 'Name each column of the row with its label.',
    });
  }
  return faults;
}

/** @param field the part of the file that holds statement and parameters */
export function parameterFaults(
  field: string,
  { statement, parameters }: { statement: string; parameters: readonly string[] },
): FoundFault[] {
  const used = new Set([...statement.matchAll(/\$(\d+)/g)].map((match) => Number(match[1])));
  if (used.size === parameters.length && Math.max(0, ...used) === parameters.length) return [];
  return [
    {
      where: [field, 'parameters'],
      fault: `the statement uses ${used.size}, the list has ${parameters.length}`,
      remedy: 'List one parameter for each of $1, $2 and so on, in their order.',
    },
  ];
}

function isOneSelect({ statement }: PreviewStatement): boolean {
  const bare = statement.replace(strings, "''").replace(comments, ' ').trim();
  return /^(select|with)\b/i.test(bare) && !bare.includes(';') && !writes.test(bare);
}
