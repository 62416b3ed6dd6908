import { chatFaults } from './chat-faults.ts';
import { commandFaults } from './command.ts';
import type { FoundFault } from './faults.ts';
import { filesFaults } from './files-faults.ts';
import { soundsChangeable } from './pins.ts';
import { postgresFaults } from './postgres-faults.ts';
import { parameterFaults, previewFaults, previewReferences } from './preview.ts';
import { argumentsSent, restFaults } from './rest-faults.ts';
import type { Api } from './rest.ts';
import type { ToolFile } from './schema.ts';
import { placeholders } from './sentence.ts';
import { unbound } from './shared-hosts.ts';
import { smtpFaults } from './smtp-faults.ts';
import { reachFaults, wordFaults } from './spoken.ts';
import { tokenFaults } from './tokens.ts';

/** Says that `where` names an argument that there is none of, where that is so. */
type Refer = (where: string[], name: string) => void;

/**
 * What is wrong between the fields of a tool, each of which is good by itself.
 * @param reached the system that a `rest` tool reaches, null where there is none of its name, and those that there are
 * @param reached.reserved folders that no tool may reach
 */
export function inconsistencies(
  tool: ToolFile,
  reached: { api: Api | null; known: readonly string[]; reserved: readonly string[] },
): FoundFault[] {
  const faults: FoundFault[] = [];
  const names = Object.keys(tool.args.properties);
  const refer: Refer = (where, name) => {
    if (names.includes(name)) return;
    const remedy = `Name one of ${names.join(', ') || 'its arguments, of which it has none'}.`;
    faults.push({ where, fault: `there is no argument \`${name}\``, remedy });
  };
  for (const [where, name] of references(tool)) refer(where, name);
  faults.push(
    ...argumentFaults(tool, names),
    ...wordFaults(tool),
    ...reachFaults(tool),
    ...pinFaults(tool),
    ...egressFaults(tool),
  );
  if (tool.risk === 'payment' && !tool.money) {
    faults.push({
      where: ['risk'],
      field: 'money',
      fault: 'a payment says which arguments are its amount and currency',
      remedy: 'Write money: { amount: …, currency: … } with the names of the two arguments.',
    });
  }
  if (tool.connector.kind === 'rest') faults.push(...restFaults(tool, tool.connector, reached));
  faults.push(
    ...connectorFaults(tool),
    ...postgresFaults(tool),
    ...filesFaults(tool, reached.reserved),
    ...smtpFaults(tool),
    ...chatFaults(tool),
    ...previewFaults(tool),
    ...tokenFaults(tool),
    ...commandFaults(tool),
  );
  return faults;
}

/** Every place that names an argument. */
function references(tool: ToolFile): [string[], string][] {
  const { connector } = tool;
  const fromArgs = (where: string[], value: string): [string[], string][] =>
    value.startsWith('args.') ? [[where, value.slice('args.'.length)]] : [];
  return [
    ...Object.keys(tool.kinds).map((name): [string[], string] => [['kinds', name], name]),
    ...Object.keys(tool.constants).map((name): [string[], string] => [['constants', name], name]),
    ...Object.keys(tool.example ?? {}).map((name): [string[], string] => [['example', name], name]),
    ...Object.keys(tool.says).map((name): [string[], string] => [['says', name], name]),
    ...Object.keys(tool.undo?.unless ?? {}).map((name): [string[], string] => [
      ['undo', 'unless', name],
      name,
    ]),
    ...(tool.reaches ?? []).map((name): [string[], string] => [['reaches'], name]),
    ...tool.args.required.map((name): [string[], string] => [['args', 'required'], name]),
    ...Object.values(tool.money ?? {}).map((name): [string[], string] => [['money'], name]),
    ...placeholders(tool.sentence).map((name): [string[], string] => [['sentence'], name]),
    ...placeholders(tool.done)
      .filter((name) => !name.startsWith('result.'))
      .map((name): [string[], string] => [['done'], name]),
    ...Object.entries(tool.pins).flatMap(([name, pin]): [string[], string][] => [
      [['pins', name], name],
      ...('by' in pin ? [[['pins', name], pin.by] satisfies [string[], string]] : []),
    ]),
    ...(connector.kind === 'postgres'
      ? connector.parameters.flatMap((value) => fromArgs(['connector', 'parameters'], value))
      : []),
    ...(connector.kind === 'http'
      ? Object.values(connector.headers).flatMap((value) => fromArgs(['connector', 'headers'], value))
      : []),
    ...previewReferences(tool).flatMap(([where, value]) => fromArgs(where, value)),
  ];
}

function argumentFaults(tool: ToolFile, names: readonly string[]): FoundFault[] {
  const faults: FoundFault[] = [];
  const seen = new Map<string, string>();
  for (const [name, schema] of Object.entries(tool.args.properties)) {
    const where = ['args', 'properties', name];
    const field = `args.${name}`;
    if (!Object.hasOwn(tool.kinds, name)) {
      faults.push({
        where: ['kinds'],
        fault: `say what the argument \`${name}\` decides`,
        remedy: `Write ${name}: redirects, selects, sizes or content.`,
      });
    }
    if (
      schema.type === 'string' &&
      !['maxLength', 'enum', 'const'].some((key) => Object.hasOwn(schema, key))
    ) {
      faults.push({
        where,
        field,
        fault: 'give the text a maxLength',
        remedy: 'Write maxLength: 200, or what fits.',
      });
    }
    const twin = seen.get(name.toLowerCase());
    if (twin !== undefined) {
      faults.push({
        where,
        field,
        fault: `differs from \`${twin}\` in its case only`,
        remedy: 'Give one of the two another name.',
      });
    }
    seen.set(name.toLowerCase(), name);
  }
  if (JSON.stringify(tool.args).includes('"$ref":')) {
    faults.push({
      where: ['args'],
      fault: 'a $ref is not followed where forms and documents are made of the schema',
      remedy: 'Write the schema out in its place.',
    });
  }
  const { money } = tool;
  if (money && money.amount === money.currency && names.includes(money.amount)) {
    faults.push({
      where: ['money'],
      fault: 'amount and currency are one argument',
      remedy: 'Name two arguments.',
    });
  }
  return faults;
}

function pinFaults(tool: ToolFile): FoundFault[] {
  const used = pinnable(tool);
  const declared = Object.entries(tool.pins).flatMap(([name, pin]): FoundFault[] => {
    const where = ['pins', name];
    if (!('by' in pin)) return [];
    if (pin.by === name) {
      return [
        { where, fault: 'an argument cannot fix its own version', remedy: 'Name the argument that does.' },
      ];
    }
    if (used.has(pin.by) || !Object.hasOwn(tool.args.properties, pin.by)) return [];
    const remedy =
      tool.connector.kind === 'http'
        ? `Hand it to the host: headers: { if-match: args.${pin.by} } under connector.`
        : tool.connector.kind === 'postgres'
          ? `Hand it to the statement: args.${pin.by} under connector.parameters, and compare with it.`
          : tool.connector.kind === 'rest'
            ? `Hand it to the vendor: headers: { if-match: '{${pin.by}}' } under connector, or where it compares it.`
            : `Use a connector that can check it: postgres, rest, files or http.`;
    return [{ where, fault: `nothing checks \`${pin.by}\`, so that it fixes nothing`, remedy }];
  });
  // What is only read is asked for again; what has an effect is approved first and happens later.
  const forgotten = tool.risk === 'read' ? [] : Object.keys(tool.args.properties).filter(soundsChangeable);
  const pins = new Set(Object.values(tool.pins).flatMap((pin) => ('by' in pin ? [pin.by] : [])));
  return [
    ...declared,
    ...forgotten
      .filter((name) => !Object.hasOwn(tool.pins, name) && !pins.has(name))
      .map((name) => ({
        where: ['args', 'properties', name],
        field: `args.${name}`,
        fault: 'sounds like content that can change between its approval and the call',
        remedy: `Write pins: { ${name}: { by: otherArgument } }, or { immutable: why it cannot change }.`,
      })),
  ];
}

/** The arguments that the connector hands on where the system of record can check them. */
function pinnable({ connector }: ToolFile): Set<string> {
  if (connector.kind === 'rest') return argumentsSent(connector);
  if (connector.kind === 'files') return new Set(['sha256', 'replaces', 'version']);
  const values =
    connector.kind === 'postgres'
      ? connector.parameters
      : connector.kind === 'http'
        ? Object.values(connector.headers)
        : [];
  return new Set(values.map((value) => value.replace(/^args\./, '')));
}

function egressFaults({ egress }: ToolFile): FoundFault[] {
  const open = (where: string[], found: ReturnType<typeof unbound>): FoundFault[] =>
    found ? [{ where, ...found }] : [];
  const hosts = [egress?.hosts ?? [], ...(egress?.secrets ?? []).map((secret) => secret.hosts)].flat();
  const opensNothing =
    egress && egress.privateNetworks.length > 0 && !hosts.some(({ host }) => /:\d+$/.test(host));
  return [
    ...(opensNothing
      ? [
          {
            where: ['egress', 'privateNetworks'],
            fault: 'opens private addresses for no port in particular',
            remedy: 'List the host with its port, such as hooks.internal:8443.',
          },
        ]
      : []),
    ...(egress?.hosts ?? []).flatMap((entry, index) =>
      open(['egress', 'hosts', String(index)], unbound(entry, null)),
    ),
    ...(egress?.secrets ?? []).flatMap((secret, at) =>
      secret.hosts.flatMap((entry, index) =>
        open(['egress', 'secrets', String(at), 'hosts', String(index)], unbound(entry, secret.header)),
      ),
    ),
  ];
}

function connectorFaults({ connector, egress }: ToolFile): FoundFault[] {
  if (connector.kind === 'http' && !egress) {
    return [
      {
        where: ['connector'],
        field: 'egress',
        fault: 'list the hosts that the tool may reach',
        remedy: 'Write egress: { hosts: [api.example.com] }.',
      },
    ];
  }
  return connector.kind === 'postgres' ? parameterFaults('connector', connector) : [];
}
