import type { Command } from '../envelope/index.ts';
import type { FoundFault } from './faults.ts';
import type { ToolFile } from './schema.ts';

/** A call as a person's command asks for it; whether it may run is decided like any other. */
export interface CommandCall {
  tool: string;
  args: Record<string, unknown>;
}

interface Grammar {
  name: string;
  /** Words that stand there as they are, such as `write` in `/file write {path} {content}`. */
  fixed: string[];
  /** The argument of each word that the person chooses, in their order. */
  slots: string[];
}

const slot = /\{([a-z][A-Za-z0-9]*)\}/g;
const closing: Record<string, string> = { '"': '"', '“': '”', '„': '“' };

/**
 * The call that a command stands for, by the `command` of the tools. No model and no rule takes part, and nothing is made
 * up: each value is a word as it was typed, words in quotes, or for the last one all that is left. What is missing is left
 * out, so that the tool's own schema says what it lacks.
 * @returns null where no tool has such a command; the help on it where its first words fit none of them
 */
export function callOf(tools: readonly ToolFile[], { name, words }: Command): CommandCall | null {
  const known = tools.flatMap((tool) => {
    if (tool.command === undefined) return [];
    const grammar = grammarOf(tool.command);
    return grammar.name === name ? [{ tool, grammar }] : [];
  });
  const [best] = known
    .filter(({ grammar: { fixed } }) => fixed.every((word, at) => words[at]?.toLowerCase() === word))
    .sort((a, b) => b.grammar.fixed.length - a.grammar.fixed.length);
  if (!best) return known.length > 0 ? { tool: 'gatehouse.help', args: { request: name } } : null;
  const { tool, grammar } = best;
  const values = valuesOf(grammar, words.slice(grammar.fixed.length).join(' '));
  const args = Object.entries(values).map(([key, value]) => [key, typed(value, tool.args.properties[key])]);
  return { tool: tool.name, args: Object.fromEntries(args) as Record<string, unknown> };
}

/** What is wrong with a tool's command: an argument that there is none of, or one that is named twice. */
export function commandFaults({ command, args }: ToolFile): FoundFault[] {
  if (command === undefined) return [];
  const names = [...command.matchAll(slot)].map(([, name = '']) => name);
  const fault = (text: string, remedy: string): FoundFault => ({ where: ['command'], fault: text, remedy });
  return [
    ...names
      .filter((name) => !Object.hasOwn(args.properties, name))
      .map((name) =>
        fault(
          `there is no argument \`${name}\``,
          `Name one of ${Object.keys(args.properties).join(', ') || 'its arguments, of which it has none'}.`,
        ),
      ),
    ...names
      .filter((name, at) => names.indexOf(name) !== at)
      .map((name) => fault(`names \`${name}\` twice`, 'Name each argument once.')),
    ...args.required
      .filter((name) => !names.includes(name))
      .map((name) => fault(`has no place for \`${name}\``, `Write {${name}} where it is typed.`)),
  ];
}

/** What two tools may not share: the command and the fixed words of it. */
export function commandKey({ command }: Pick<ToolFile, 'command'>): string | null {
  if (command === undefined) return null;
  const { name, fixed } = grammarOf(command);
  return [`/${name}`, ...fixed].join(' ');
}

function grammarOf(command: string): Grammar {
  const [first = '', ...parts] = command.split(' ');
  const fixed = parts.filter((part) => !part.includes('{'));
  const slots = parts.filter((part) => part.includes('{')).map((part) => part.slice(1, -1));
  return { name: first.slice(1), fixed, slots };
}

function valuesOf({ slots }: Grammar, text: string): Record<string, string> {
  const values: Record<string, string> = {};
  let rest = text;
  for (const [at, name] of slots.entries()) {
    const [value, left] = at === slots.length - 1 ? [whole(rest), ''] : next(rest);
    rest = left;
    if (value !== '') values[name] = value;
  }
  return values;
}

/** The next word, or the words in quotes, and what is left after it. */
function next(text: string): [value: string, rest: string] {
  const end = closing[text[0] ?? ''];
  const close = end === undefined ? -1 : text.indexOf(`${end} `, 1);
  if (close > 0) return [text.slice(1, close), text.slice(close + 2)];
  // Quotes that are not closed hold all of it, so that nothing is cut where nobody meant it.
  if (end !== undefined) return [whole(text), ''];
  const [word = ''] = text.split(' ', 1);
  return [word, text.slice(word.length + 1)];
}

/** The text, without the quotes where one pair encloses all of it. */
function whole(text: string): string {
  const end = closing[text[0] ?? ''];
  return end !== undefined && text.length > 2 && text.indexOf(end, 1) === text.length - 1
    ? text.slice(1, -1)
    : text;
}

/** The text as the type that the argument has; as it is where it does not read so, for the schema to refuse. */
function typed(value: string, schema: Record<string, unknown> | undefined): unknown {
  switch (schema?.type) {
    case 'integer':
    case 'number':
      return /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : value;
    case 'array':
      return value.split(',').map((part) => part.trim());
    case 'object':
      return pairs(value) ?? value;
    default:
      return value;
  }
}

/** `a=1 b="two words"`. */
function pairs(text: string): Record<string, string> | null {
  const found = [...text.matchAll(/([^\s="]+)=(?:"([^"]*)"|(\S*))(?:\s+|$)/gy)];
  if (found.map(([all]) => all).join('') !== text) return null;
  return Object.fromEntries(found.map(([, key = '', quoted, plain]) => [key, quoted ?? plain ?? '']));
}
