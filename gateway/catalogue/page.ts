import type { Tool } from './parse.ts';
import type { HostEntry } from './http.ts';

const decides: Record<Tool['kinds'][string], string> = {
  redirects: 'where it goes',
  selects: 'which record',
  sizes: 'how much',
  content: 'what it says',
};

const repeats: Record<Tool['idempotencyKey'], string> = {
  attempt:
    'Doing the call twice with one attempt id has one effect, so that a call without a clear end is tried again.',
  none: 'A call without a clear end is not tried again; it stays unknown until somebody looks.',
};

/**
 * One tool as a Markdown page, from its file alone.
 * @param asked who is asked before it runs, one sentence
 */
export function toolPage(tool: Tool, asked: string): string {
  return (
    [
      `# ${text(tool.title)}`,
      `\`${tool.name}\` · risk \`${tool.risk}\``,
      text(tool.description),
      '## Arguments',
      argumentTable(tool),
      ...wordLines(tool),
      ...pinLines(tool),
      '## Who is asked',
      text(asked),
      '## What is looked up before it',
      lookedUp(tool),
      '## Where it may go',
      reach(tool),
      ...(tool.undo === undefined ? [] : ['## How it is taken back', takenBack(tool.undo)]),
      '## If it is repeated',
      repeats[tool.idempotencyKey],
      '## Example',
      example(tool),
    ].join('\n\n') + '\n'
  );
}

/** The list of all tools as a Markdown page, with a link to the page of each. */
export function toolIndex(tools: readonly Tool[]): string {
  const rows = tools.map(
    (tool) =>
      `| [\`${tool.name}\`](${tool.name}.md) | \`${tool.risk}\` | ${text(tool.title)} | ${text(tool.description)} |`,
  );
  return `# Tools\n\n| name | risk | title | what it does |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}

function argumentTable({ args, kinds }: Tool): string {
  const names = Object.keys(args.properties);
  if (names.length === 0) return 'None.';
  const rows = names.map((name) => {
    const schema = args.properties[name] ?? {};
    const needed = args.required.includes(name) ? 'yes' : 'no';
    const kind = kinds[name];
    const role = kind === undefined ? '' : `${kind}: ${decides[kind]}`;
    return `| \`${name}\` | ${text(shape(schema))} | ${needed} | ${role} | ${text(plain(schema.description))} |`;
  });
  return `| name | type | required | decides | meaning |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}`;
}

const plain = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

/** A schema in few words: its choices, or its type with its limits. */
function shape(schema: Record<string, unknown>): string {
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const limits = [
    'minLength',
    'maxLength',
    'minimum',
    'maximum',
    'minItems',
    'maxItems',
    'format',
    'pattern',
  ].flatMap((key) => (schema[key] === undefined ? [] : [`${key} ${plain(schema[key])}`]));
  const type = typeof schema.type === 'string' ? schema.type : 'any';
  return limits.length > 0 ? `${type} (${limits.join(', ')})` : type;
}

function wordLines({ says }: Tool): string[] {
  const lines = Object.entries(says).flatMap(([name, choices]) =>
    Object.entries(choices).map(
      ([value, words]) => `- \`${name}\` ${JSON.stringify(value)} is also said as: ${text(words.join(', '))}`,
    ),
  );
  return lines.length > 0 ? [lines.join('\n')] : [];
}

function pinLines({ pins }: Tool): string[] {
  const lines = Object.entries(pins).map(([name, pin]) =>
    'by' in pin
      ? `- \`${name}\` names content that can change; \`${pin.by}\` (${pin.form}) says which version is meant. Without it the call is denied.`
      : `- \`${name}\` names content that cannot change: ${text(pin.immutable)}`,
  );
  return lines.length > 0 ? [lines.join('\n')] : [];
}

function lookedUp({ preview }: Tool): string {
  if (!preview) return 'Nothing: its card shows the arguments only.';
  if ('none' in preview) return `Nothing. ${text(preview.none)}`;
  if ('dryRun' in preview) return 'What the call would change, found out without changing it.';
  const rows = Object.values(preview.columns).map(
    ({ label, volatile }) => `- ${text(label)}${volatile ? ', which may change until it runs' : ''}`,
  );
  return `${rows.join('\n')}\n\n${fenced('sql', preview.statement)}`;
}

function takenBack({ by, unless }: NonNullable<Tool['undo']>): string {
  const never = Object.entries(unless).map(([name, values]) => `\`${name}\` ${text(values.join(' or '))}`);
  return never.length > 0 ? `${text(by)} Not with ${never.join(', ')}.` : text(by);
}

function reach({ connector, egress, secret, api }: Tool): string {
  switch (connector.kind) {
    case 'rest': {
      const address = `\`${connector.method} ${api?.url ?? ''}${connector.path}\``;
      const lent = secret === undefined ? '' : `, with the secret \`${secret}\``;
      const within = api?.paths ? ` Below ${api.paths.map((path) => `\`${path}\``).join(', ')} only.` : '';
      return `${address}${lent}.${within}`;
    }
    case 'postgres':
      return `One statement in the database whose address is the secret \`${secret}\`:\n\n${fenced('sql', connector.statement)}`;
    case 'postgres-query':
      return `One query that only reads, at most ${connector.maxRows} rows of it, in the database whose address is the secret \`${secret}\`.`;
    case 'files':
      return `Files below ${connector.root === undefined ? 'the folder of GATEHOUSE_FILES_DIR' : `\`${connector.root}\``}, and nowhere else.`;
    case 'smtp':
      return `Mail from ${text(connector.from.address)} through \`${connector.host}:${connector.port}\`, with the secret \`${secret}\`.${connector.domains ? ` To ${connector.domains.join(', ')} only.` : ''}`;
    case 'chat': {
      const lines = Object.entries(connector.conversations).map(
        ([name, { channel, id }]) => `- ${text(name)}: ${channel} \`${id}\``,
      );
      return lines.length > 0 ? lines.join('\n') : 'Nowhere: no conversation is listed.';
    }
    case 'gatehouse':
      return 'It stays in Gatehouse.';
    case 'code':
      return 'Nowhere: the code runs in a container without a network.';
    case 'http': {
      const lines = [
        ...(egress?.hosts ?? []).map((entry) => `- ${place(entry)}`),
        ...(egress?.secrets ?? []).flatMap(({ name, hosts }) =>
          hosts.map((entry) => `- ${place(entry)}, with the secret \`${name}\``),
        ),
      ];
      const networks = egress?.privateNetworks ?? [];
      const inside = networks.length > 0 ? ` Private addresses: ${networks.join(', ')}.` : '';
      return lines.length > 0
        ? `${lines.join('\n')}\n\nMethods: ${egress?.methods.join(', ')}.${inside}`
        : 'Nowhere: no host is listed.';
    }
  }
}

const place = ({ host, paths }: HostEntry): string =>
  paths === undefined ? `\`${host}\`` : paths.map((path) => `\`${host}${path}\``).join(', ');

function example({ name, example: args, usage }: Tool): string {
  const typed = usage === undefined ? [] : [`In a conversation: \`${usage.replaceAll('`', '')}\``];
  const call = { tool: name, args: args ?? {} };
  return [...typed, fenced('json', JSON.stringify(call, null, 2))].join('\n\n');
}

/** Text of the file as text of the page, on one line: it makes neither markup nor another heading. */
function text(value: string): string {
  return value
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_[\]<>|#]/g, '\\$&')
    .trim();
}

function fenced(language: string, value: string): string {
  return `\`\`\`\`${language}\n${value.replaceAll('````', '')}\n\`\`\`\``;
}
