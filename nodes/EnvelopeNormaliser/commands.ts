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
 * The node's outputs. n8n evaluates this text where it draws the node, so that it stands by itself.
 * @param parameters the node's parameters
 */
function outputsOf(parameters: IDataObject): INodeOutputConfiguration[] {
  const lines = String(parameters.source === 'message' ? (parameters.commands ?? '') : '').split('\n');
  const names = lines.map((line) => line.trim()).filter((line) => line !== '');
  return ['Rejected', 'Envelope', ...names].map((displayName) => ({ type: 'main', displayName }));
}

/** {@link outputsOf} as n8n takes it. */
export const outputsExpression = `={{(${outputsOf.toString()})($parameter)}}` as const;

/** @param text the field's lines @returns which output each command has, and how many outputs there are */
export function routesOf(text: string): { count: number; outputs: Map<string, number> } {
  const lines = outputsOf({ source: 'message', commands: text }).slice(ENVELOPE + 1);
  const outputs = new Map<string, number>();
  lines.forEach(({ displayName = '' }, index) => {
    for (const name of displayName.split(/[\s,]+/)) {
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
