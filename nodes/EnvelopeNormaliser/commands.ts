import type { IDataObject, INodeOutputConfiguration, INodeProperties } from 'n8n-workflow';
import { isObject } from '../shared/parameters';

/** Output of what was verified and has no output of its own. */
export const ENVELOPE = 1;

/** The field that gives commands outputs of their own. */
export const commandsField: INodeProperties = {
  displayName: 'Commands',
  name: 'commands',
  type: 'string',
  noDataExpression: true,
  typeOptions: { rows: 7 },
  default: '',
  placeholder: 'e.g. balance',
  hint: 'One output for each line; a line may name several commands. Everything else leaves on Envelope.',
  description:
    'Sends messages that begin with these commands their own ways, word by word. It costs no expression, which a Switch node evaluates for each of its rules.',
  displayOptions: { show: { source: ['message'] } },
};

/**
 * The lines of the field, each as the words that it names. n8n evaluates this text too, so that it stands by itself.
 * @param text the field
 */
function linesOf(text: unknown): string[][] {
  const lines = String(text ?? '').split('\n');
  return lines
    .map((line) => line.split(/[\s,]+/).filter((word) => word !== ''))
    .filter((words) => words.length > 0);
}

/**
 * The node's outputs. n8n evaluates this text where it draws the node. It cuts a long label off, so that a line of
 * several commands is called by its first.
 * @param parameters the node's parameters
 * @param lines `linesOf`
 */
function outputsOf(parameters: IDataObject, lines: typeof linesOf): INodeOutputConfiguration[] {
  const named = parameters.source === 'message' ? lines(parameters.commands) : [];
  const labels = named.map(
    ([first = '', ...more]) => first + (more.length > 0 ? ` + ${more.length} more` : ''),
  );
  return ['Rejected', 'Envelope', ...labels].map((displayName) => ({ type: 'main', displayName }));
}

/** {@link outputsOf} as n8n takes it. */
export const outputsExpression = `={{(${outputsOf.toString()})($parameter, ${linesOf.toString()})}}` as const;

/** @param text the field's lines @returns which output each command has, and how many outputs there are */
export function routesOf(text: string): { count: number; outputs: Map<string, number> } {
  const lines = linesOf(text);
  const outputs = new Map<string, number>();
  lines.forEach((words, index) => {
    for (const name of words) {
      const command = name.replace(/^\//, '').toLowerCase();
      if (command !== '' && !outputs.has(command)) outputs.set(command, ENVELOPE + 1 + index);
    }
  });
  return { count: ENVELOPE + 1 + lines.length, outputs };
}

/** @returns the name of the command that a message begins with, as the gateway read it */
export function commandOf(envelope: IDataObject): string | undefined {
  const { content } = envelope.data as IDataObject;
  const { command } = content as IDataObject;
  return isObject(command) && typeof command.name === 'string' ? command.name : undefined;
}
