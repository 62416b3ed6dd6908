import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPolicy, type Call, type RunContext } from '../../../../gateway/policy/index.ts';

/** What every engine can say, in one word. `ask` is a person's word, whoever gives it. */
export type Outcome = 'allow' | 'ask' | 'deny';

/** So many rows of data under the rules that ship, or so many rules that somebody wrote by hand. */
export interface RuleSet {
  kind: 'data' | 'rules';
  count: number;
}

/** One call, and what every engine has to say of it. */
export interface Example {
  tool: string;
  /** Null for a tool that only reads. */
  money: { amount: string; cents: number; currency: string } | null;
  payee: string;
  /** The requester's only group. */
  group: string;
  outcome: Outcome;
}

/** Up to this, in euro cents, nobody is asked. */
export const smallCents = 10_000;
/** A rule of the second kind asks a team from here on; its number is added, so that no two rules are alike. */
const teamCents = 5_000;

export const toolName = (index: number): string => `books${index}.${index % 2 === 0 ? 'pay' : 'read'}`;
export const toolCount = ({ kind, count }: RuleSet): number => (kind === 'data' ? count : 10);

/** Euro, and codes that no country uses: there are not a thousand currencies. */
export function currencyName(index: number): string {
  if (index === 0) return 'EUR';
  return [676, 26, 1].map((place) => String.fromCharCode(65 + (Math.floor(index / place) % 26))).join('');
}

/** What a rule written by hand says; each engine gets it in its own language. */
export type HandWritten =
  | { does: 'deny'; name: string; tool: string; payee: string }
  | { does: 'ask'; name: string; group: string; aboveCents: number }
  | { does: 'deny'; name: string; tool: string; currency: string; fromCents: number };

/** Rules by tool and payee, by team and amount, by tool, currency and amount, in turn. */
export function handWritten({ kind, count }: RuleSet): HandWritten[] {
  if (kind === 'data') return [];
  return Array.from({ length: count }, (_rule, index): HandWritten => {
    const [name, tool] = [`rule_${index}`, toolName((index % 5) * 2)];
    if (index % 3 === 0) return { does: 'deny', name, tool, payee: `supplier-${index}` };
    if (index % 3 === 1) return { does: 'ask', name, group: `team-${index}`, aboveCents: teamCents + index };
    return { does: 'deny', name, tool, currency: currencyName(index), fromCents: 100 * index };
  });
}

const plain = { payee: 'acme', group: 'office' };
const euro = (amount: string): Example['money'] => ({
  amount,
  cents: Math.round(Number(amount) * 100),
  currency: 'EUR',
});

/** The call that is timed: a payment whose limit is looked up, and which no rule of an installation minds. */
export const timed: Example = { ...plain, tool: 'books0.pay', money: euro('120.00'), outcome: 'ask' };

/** Calls on which all engines have to agree before any is timed. */
export function examples(set: RuleSet): Example[] {
  const rules = handWritten(set);
  const money = euro('90.00');
  const lastTool = toolName(toolCount(set) - 2);
  return [
    timed,
    { ...plain, tool: 'books1.read', money: null, outcome: 'allow' },
    { ...plain, tool: lastTool, money, outcome: 'allow' },
    { ...plain, tool: lastTool, money: euro('120.00'), outcome: 'ask' },
    {
      ...plain,
      tool: 'books0.pay',
      money: { amount: '10.00', cents: 1000, currency: 'ZZZ' },
      outcome: 'ask',
    },
    { ...plain, tool: 'books0.pay', money: euro('0.00'), outcome: 'deny' },
    { ...plain, tool: 'books0.drop', money, outcome: 'deny' },
    ...rules.slice(-3).flatMap((rule): Example[] => {
      if ('payee' in rule) {
        const one = { ...plain, money, payee: rule.payee };
        const other = toolName(rule.tool === toolName(0) ? 2 : 0);
        return [
          { ...one, tool: rule.tool, outcome: 'deny' },
          { ...one, tool: other, outcome: 'allow' },
        ];
      }
      if ('group' in rule) {
        const one = { ...plain, tool: 'books0.pay', group: rule.group };
        return [
          { ...one, money, outcome: 'ask' },
          { ...one, money: euro('50.00'), outcome: 'allow' },
        ];
      }
      const amount = { amount: `${rule.fromCents / 100}.00`, cents: rule.fromCents, currency: rule.currency };
      return [
        { ...plain, tool: rule.tool, money: amount, outcome: 'deny' },
        { ...plain, tool: rule.tool, money: { ...amount, amount: '0.50', cents: 50 }, outcome: 'ask' },
      ];
    }),
  ];
}

/** The arguments of a call, as large in JSON as a cell of the matrix wants them. */
export function argumentsOf(example: Example, bytes: number): Record<string, unknown> {
  const { money, payee } = example;
  const fixed = money === null ? { payee } : { amount: money.amount, currency: money.currency, payee };
  const lines: string[] = [];
  const missing = (): number => bytes - JSON.stringify({ ...fixed, lines }).length - '"",'.length;
  for (let left = missing(); left > 0; left = missing()) {
    lines.push(
      `Item ${lines.length + 1}: `.padEnd(Math.min(left, 200), 'paper, pens and envelopes for the office; '),
    );
  }
  return { ...fixed, lines };
}

/** The call as Gatehouse gets it, in a message of somebody who typed what decides it. */
export function asked(example: Example, bytes: number): { run: RunContext; call: Call } {
  const { money, payee, group } = example;
  const words = money === null ? [payee] : [money.amount, money.currency, payee];
  return {
    run: {
      runId: '00000000-0000-7000-8000-000000000001',
      messageId: 'web:local:requester:1:0',
      sessionKey: 'session-of-the-bench',
      principal: 'requester',
      actor: {
        principal: 'requester',
        display: 'Robin',
        roles: ['member'],
        groups: [group],
        standing: 'member',
      },
      channel: { kind: 'web', visibility: 'dm' },
      command: { name: 'pay', words },
      text: `/pay ${words.join(' ')}`,
      ingress: 'session',
      callsLeft: 50,
    },
    call: { tool: example.tool, args: argumentsOf(example, bytes), step: 'node:0:0' },
  };
}

/**
 * Writes a policies folder with the rows or rules of a set, built as `gatehouse policy build` builds it.
 * @returns the folder, and how to remove it
 */
export async function policiesFor(
  set: RuleSet,
  opaPath: string,
): Promise<{ dir: string; remove: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'gatehouse-bench-policies-'));
  await cp(join(import.meta.dirname, '../../../../policies'), dir, { recursive: true });
  await rm(join(dir, 'tools'), { recursive: true });
  await mkdir(join(dir, 'tools'));
  const tools = Array.from({ length: toolCount(set) }, (_tool, index) => toolFile(toolName(index)));
  // JSON is YAML too.
  const write = (name: string, content: object): Promise<void> =>
    writeFile(join(dir, name), JSON.stringify(content));
  for (const tool of tools) await write(`tools/${tool.name}.yaml`, tool);
  const limits = Array.from({ length: set.kind === 'data' ? set.count : 1 }, (_limit, index) => index);
  await write('approvals.yaml', {
    classes: {
      payment: {
        groups: ['approvers'],
        quorum: 1,
        unasked: { upTo: [{ currency: 'EUR', amount: String(smallCents / 100) }] },
        from: limits.map((index) => ({ currency: currencyName(index), amount: '1000.00', quorum: 2 })),
      },
    },
  });
  await write('limits.yaml', {
    budgets: limits.map((index) => ({
      name: `budget-${index}`,
      per: 'day',
      tool: toolName(index),
      calls: 1_000_000,
    })),
  });
  await write('automations.yaml', { automations: [] });
  if (set.kind === 'rules') {
    await mkdir(join(dir, 'local'));
    await writeFile(join(dir, 'local/bench.rego'), handWrittenRego(set));
    await buildPolicy(opaPath, dir);
  }
  return { dir, remove: () => rm(dir, { recursive: true }) };
}

function toolFile(name: string): { name: string } & Record<string, unknown> {
  const pays = name.endsWith('.pay');
  const text = { type: 'string', minLength: 1, maxLength: 250 };
  const money = { amount: { ...text, pattern: '^[0-9]{1,12}\\.[0-9]{2}$' }, currency: text };
  const properties = {
    ...(pays ? money : {}),
    payee: text,
    lines: { type: 'array', items: text, maxItems: 100 },
  };
  return {
    name,
    title: 'A book of the bench',
    description: 'Pays from a book, or reads it.',
    risk: pays ? 'payment' : 'read',
    args: { type: 'object', properties, required: Object.keys(properties), additionalProperties: false },
    kinds: {
      ...(pays ? { amount: 'sizes', currency: 'sizes' } : {}),
      payee: pays ? 'redirects' : 'selects',
      lines: 'content',
    },
    ...(pays ? { money: { amount: 'amount', currency: 'currency' } } : {}),
    sentence: 'Use the book',
    done: 'Used the book.',
    idempotencyKey: 'attempt',
    secret: 'demo/postgres',
    connector: { kind: 'postgres', statement: 'select $1', parameters: ['args.payee'], returns: 'row' },
    preview: { none: 'nothing is called here' },
  };
}

/** The rules as an installation would write them. */
function handWrittenRego(set: RuleSet): string {
  const rules = handWritten(set).map((rule) => {
    const into = rule.does === 'deny' ? 'denials' : 'approvals';
    return `${into} contains {"code": "${rule.name}", "text": "This is not done."} if {\n\t${conditions(rule).join('\n\t')}\n}`;
  });
  return ['package local.bench', ...rules, ''].join('\n\n');
}

function conditions(rule: HandWritten): string[] {
  if ('payee' in rule) return [`input.tool.name == "${rule.tool}"`, `input.args.payee == "${rule.payee}"`];
  if ('group' in rule) {
    return [
      'input.tool.risk == "payment"',
      `input.money.cents > ${rule.aboveCents}`,
      `"${rule.group}" in input.actor.groups`,
    ];
  }
  return [
    `input.tool.name == "${rule.tool}"`,
    `input.money.currency == "${rule.currency}"`,
    `input.money.cents >= ${rule.fromCents}`,
  ];
}
