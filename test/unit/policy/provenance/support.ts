import { parseTool, type Tool } from '../../../../gateway/catalogue/index.ts';
import { trace, type ToolResult } from '../../../../gateway/policy/provenance/index.ts';
import type { RunContext } from '../../../../gateway/policy/index.ts';
import { runOf } from '../support.ts';

/** A tool as an administrator would declare it, cut down to what provenance looks at. */
export function toolOf(
  name: string,
  risk: string,
  kinds: Record<string, string>,
  more = '',
  schemas: Record<string, string> = {},
): Tool {
  const properties = Object.keys(kinds).map((arg) =>
    arg in schemas
      ? `    ${arg}: ${schemas[arg]}`
      : arg.endsWith('s')
        ? `    ${arg}: { type: array, maxItems: 20, items: { type: string, maxLength: 200 } }`
        : `    ${arg}: { type: string, maxLength: 2000 }`,
  );
  return parseTool(
    `${name}.yaml`,
    `name: ${name}
title: ${name}
description: A tool of the tests.
risk: ${risk}
args:
  type: object
  properties:
${properties.join('\n')}
  additionalProperties: false
kinds: ${JSON.stringify(kinds)}
sentence: Do it
done: Done.
idempotencyKey: none
secret: test/secret
connector: { kind: code }
${more}`,
  );
}

export const mail = toolOf('mail.send', 'outbound', {
  recipients: 'redirects',
  subject: 'content',
  body: 'content',
});
export const pay = toolOf(
  'bank.pay',
  'payment',
  { iban: 'redirects', amount: 'sizes', currency: 'sizes', subject: 'content' },
  'money: { amount: amount, currency: currency }',
);
export const page = toolOf('web.read', 'read', { url: 'redirects' });
export const contacts = toolOf(
  'contacts.find',
  'read',
  { name: 'selects' },
  'directory: { returns: [email] }',
);
export const search = toolOf('files.search', 'read', { query: 'selects' });
export const event = toolOf('calendar.create', 'write', {
  title: 'content',
  day: 'sizes',
  guests: 'redirects',
});
const pins = 'pins: { file: { immutable: a file of the tests never changes } }';
export const edit = toolOf('files.append', 'write', { file: 'selects', text: 'content' }, pins);
export const remove = toolOf('files.delete', 'delete', { file: 'selects' }, pins);

export const tools = new Map(
  [mail, pay, page, contacts, search, event, edit, remove].map((tool) => [tool.name, tool]),
);

/** What a tool returned before, in this request unless the test says otherwise. */
export const returned = (
  tool: string,
  args: Record<string, unknown>,
  result: unknown,
  change: Partial<ToolResult> = {},
): ToolResult => ({
  attempt: 'att_1',
  tool,
  args,
  result,
  since: new Date('2026-11-01T10:01:00Z'),
  at: new Date('2026-11-01T10:02:00Z'),
  ofThisRequest: true,
  ...change,
});

let messages = 0;

/** When the calls of the tests are made, unless one says otherwise. */
export const now = new Date('2026-11-24T10:00:00Z');

/** Traces a call of what a person wrote. Each text is a message of its own. */
export function traced(
  said: string | Partial<RunContext>,
  tool: Tool,
  args: Record<string, unknown>,
  session: { tainted?: boolean; results?: ToolResult[]; now?: Date } = {},
) {
  const change = typeof said === 'string' ? { text: said } : said;
  const run = runOf({ messageId: `web:local:c1:${(messages += 1)}:0`, ...change });
  return trace(run, tool, args, {
    catalogue: tools,
    tainted: session.tainted ?? false,
    results: () => Promise.resolve(session.results ?? []),
    now: session.now ?? now,
  });
}

/** The origin of each value, by its place. */
export async function origins(...call: Parameters<typeof traced>): Promise<Record<string, string>> {
  const { leaves } = await traced(...call);
  return Object.fromEntries(leaves.map((leaf) => [leaf.at, leaf.origin]));
}
