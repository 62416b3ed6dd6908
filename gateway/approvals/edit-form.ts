import type { Tool } from '../catalogue/index.ts';
import { labelOf } from './card.ts';
import { edit } from './edit.ts';
import { mayEdit } from './eligible.ts';
import { refusals } from './refusals.ts';
import { findApprovals } from './store.ts';
import type { ApprovalsDeps, Edit, Edited } from './types.ts';

/** One argument as a field of a form. */
export interface EditField {
  name: string;
  label: string;
  /** `json`: a list or an object, written as JSON. */
  kind: 'text' | 'long' | 'choice' | 'number' | 'json';
  /** As it is now; empty where it is not given. */
  value: string;
  required: boolean;
  description: string | null;
  options: string[];
  maxLength: number | null;
}

const longText = 80;

/** The fields of a tool's argument schema, filled with the call that is asked about. */
export async function editForm(deps: ApprovalsDeps, id: string, viewer: string): Promise<EditField[]> {
  const { tool, args } = await editable(deps, id, viewer);
  return fieldsOf(tool, args);
}

/** Edits by what a form sent: texts by the names of the arguments. A field that was not touched keeps its very value. */
export async function editByForm(
  deps: ApprovalsDeps,
  change: Omit<Edit, 'args'> & { values: Record<string, string> },
): Promise<Edited> {
  const { values, ...rest } = change;
  const { tool, args } = await editable(deps, change.approvalId, change.principal);
  return edit(deps, { ...rest, args: argsOf(fieldsOf(tool, args), args, values) });
}

async function editable(
  deps: ApprovalsDeps,
  id: string,
  viewer: string,
): Promise<{ tool: Tool; args: Record<string, unknown> }> {
  const row = (await findApprovals(deps.pool, 'a.id = $1', [id]))[0];
  if (!row) throw refusals.unknown();
  if (!mayEdit(deps.people, row, viewer)) throw refusals.notEditor();
  if (row.state !== 'pending') throw refusals.decided(row);
  const tool = deps.catalogue.get(row.tool);
  if (!row.editable || !tool || !row.args) throw refusals.notEditable();
  return { tool, args: row.args };
}

function fieldsOf(tool: Tool, args: Record<string, unknown>): EditField[] {
  return Object.entries(tool.args.properties).map(([name, schema]) => {
    const value = textOf(Object.hasOwn(args, name) ? args[name] : undefined);
    const options = optionsOf(schema);
    const { description, maxLength } = schema as { description?: unknown; maxLength?: unknown };
    const kind = kindOf(schema, options);
    return {
      name,
      label: labelOf(name),
      kind: kind === 'text' && (value.length > longText || value.includes('\n')) ? 'long' : kind,
      value,
      required: tool.args.required.includes(name),
      description: typeof description === 'string' ? description : null,
      options,
      maxLength: typeof maxLength === 'number' ? maxLength : null,
    };
  });
}

function kindOf({ type }: Record<string, unknown>, options: string[]): EditField['kind'] {
  if (options.length > 0) return 'choice';
  if (type === 'string') return 'text';
  return type === 'number' || type === 'integer' ? 'number' : 'json';
}

function optionsOf(schema: Record<string, unknown>): string[] {
  if (schema.type === 'boolean') return ['true', 'false'];
  const { enum: values } = schema;
  return Array.isArray(values) ? values.filter((value): value is string => typeof value === 'string') : [];
}

function argsOf(
  fields: readonly EditField[],
  before: Record<string, unknown>,
  values: Record<string, string>,
): Record<string, unknown> {
  const args: Record<string, unknown> = {};
  for (const field of fields) {
    // Browsers send line breaks of a form as CRLF (HTML standard).
    const given = lines(values[field.name] ?? '');
    const had = Object.hasOwn(before, field.name);
    if (had && given === lines(field.value)) args[field.name] = before[field.name];
    else if (given !== '' || (had && field.required)) args[field.name] = valueOf(field, given);
  }
  return args;
}

function valueOf(field: EditField, given: string): unknown {
  if (field.kind === 'text' || field.kind === 'long') return given;
  if (field.kind === 'choice' && !['true', 'false'].includes(given)) return given;
  try {
    return JSON.parse(given) as unknown;
  } catch {
    const form = field.kind === 'number' ? 'is not a number' : 'is not JSON';
    throw refusals.unusableEdit(field.name, form);
  }
}

const lines = (text: string): string => text.replaceAll('\r\n', '\n');

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
