import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { GatehouseError } from '../../../gateway/config/index.ts';
import { readLimits, type PolicyLimits } from '../../../gateway/policy/limits.ts';
import { policiesWith } from './support.ts';

type Context = Parameters<typeof policiesWith>[1];
const limitsOf = async (text: string, context: Context): Promise<PolicyLimits> =>
  readLimits(await policiesWith({ 'limits.yaml': text, 'automations.yaml': 'automations: []\n' }, context));
/** Automations with these tools each, declared in flow style. */
const declaring = (...tools: string[]): string =>
  `automations:\n${tools.map((list, index) => `  - { name: a${index}, tools: ${list} }\n`).join('')}`;
const declared = async (context: Context, ...tools: string[]): Promise<PolicyLimits> =>
  readLimits(
    await policiesWith({ 'limits.yaml': 'budgets: []\n', 'automations.yaml': declaring(...tools) }, context),
  );
const unusable = (message: RegExp) => ({ code: 'GH-POLICY-012', message });

const conversations = { dm: 'personal', private: 'confidential', public: 'internal', external: 'public' };

test('what limits.yaml does not say is what it says when it is shipped', async (context) => {
  const { version, ...limits } = await limitsOf('default: {}\n', context);
  assert.match(version, /^sha256:/);
  assert.deepEqual(limits, {
    budgets: [],
    pendingAsks: 3,
    data: { limits: { pendingAsks: 3, conversations }, automations: {} },
  });
  const one = await limitsOf('conversations: { dm: public }\n', context);
  assert.deepEqual(one.data.limits, { pendingAsks: 3, conversations: { ...conversations, dm: 'public' } });
});

test('between one and a hundred requests may wait, in whole numbers', async (context) => {
  for (const count of [1, 100]) {
    const { pendingAsks, data } = await limitsOf(`pendingAsks: ${count}\n`, context);
    assert.equal(pendingAsks, count);
    assert.deepEqual(data.limits, { pendingAsks: count, conversations });
  }
  for (const count of ['0', '101', '1.5', '"3"', '.inf'])
    await assert.rejects(
      limitsOf(`pendingAsks: ${count}\n`, context),
      unusable(/limits\.yaml:1: pendingAsks: /),
      count,
    );
});

test('a kind of conversation that is not known, and a class that is none, are refused by line', async (context) => {
  for (const [entry, fault] of [
    ['everywhere: public', /limits\.yaml:2: conversations\.everywhere: /],
    ['dm: secret', /limits\.yaml:2: conversations\.dm: /],
  ] as const)
    await assert.rejects(limitsOf(`conversations:\n  ${entry}\n`, context), unusable(fault));
});

test('a thousand budgets are read, and one more is refused', async (context) => {
  const budgets = (count: number): string =>
    `budgets:\n${Array.from({ length: count }, (_, index) => `  - { name: b${index}, per: day, risk: code, calls: 1 }\n`).join('')}`;
  assert.equal((await limitsOf(budgets(1000), context)).budgets.length, 1000);
  await assert.rejects(limitsOf(budgets(1001), context), unusable(/limits\.yaml:2: budgets: /));
});

test('the rules see of an automation what each of its tools may be given, and whether its money is limited', async (context) => {
  const { budgets, data } = await declared(
    context,
    `[{ tool: x.pay, args: { to: { const: A }, n: { enum: [1, true, b] }, r: { pattern: 'a|b' } }, limits: { spend: { currency: EUR, amount: '1.50' } } }, { tool: x.read }]`,
    '[{ tool: x.pay, limits: { calls: 2 } }]',
  );
  assert.deepEqual(data.automations, {
    'automation:a0': {
      'x.pay': {
        args: { to: { enum: ['A'] }, n: { enum: [1, true, 'b'] }, r: { pattern: '\\A(?:a|b)\\z' } },
        spend: true,
      },
      'x.read': { args: {}, spend: false },
    },
    'automation:a1': { 'x.pay': { args: {}, spend: false } },
  });
  assert.deepEqual(budgets, [
    {
      name: 'automation:a0:x.pay:spend',
      per: 'person-day',
      tool: 'x.pay',
      principal: 'automation:a0',
      spend: { currency: 'EUR', amount: 150 },
    },
    {
      name: 'automation:a1:x.pay:calls',
      per: 'person-day',
      tool: 'x.pay',
      principal: 'automation:a1',
      calls: 2,
    },
  ]);
});

test('an automation without tools may do nothing unasked', async (context) => {
  const folder = await policiesWith(
    { 'limits.yaml': '{}', 'automations.yaml': 'automations:\n  - name: idle\n' },
    context,
  );
  const { budgets, data } = await readLimits(folder);
  assert.deepEqual([budgets, data.automations], [[], { 'automation:idle': {} }]);
});

for (const [what, tools, fault] of [
  [
    'a tool that stands twice',
    '[{ tool: x.y }, { tool: x.y }]',
    /automations\.0\.tools: a tool stands twice/,
  ],
  ['a value that is a list', '[{ tool: x.y, args: { a: { const: [1] } } }]', /args\.a/],
  [
    'a value of nothing',
    '[{ tool: x.y, args: { a: {} } }]',
    /args\.a: say one of `const`, `enum` and `pattern`/,
  ],
  [
    'a value of two kinds',
    '[{ tool: x.y, args: { a: { const: 1, enum: [1, 2] } } }]',
    /args\.a: say one of `const`, `enum` and `pattern`/,
  ],
  ['a choice of nothing', '[{ tool: x.y, args: { a: { enum: [] } } }]', /args\.a\.enum/],
  ['an empty pattern', `[{ tool: x.y, args: { a: { pattern: '' } } }]`, /args\.a\.pattern/],
  [
    'a pattern that is none',
    `[{ tool: x.y, args: { a: { pattern: '[' } } }]`,
    /args\.a\.pattern: is not a regular expression/,
  ],
  [
    'a pattern that another engine would read otherwise',
    String.raw`[{ tool: x.y, args: { a: { pattern: '\y' } } }]`,
    /args\.a/,
  ],
  ['a very long pattern', `[{ tool: x.y, args: { a: { pattern: ${'a'.repeat(501)} } } }]`, /args\.a/],
  ['a misspelt field', '[{ tool: x.y, arg: {} }]', /tools\.0\.arg/],
  ['a tool without a name', '[{ args: {} }]', /tools\.0/],
] as const) {
  test(`an automation with ${what} is refused by line`, async (context) => {
    await assert.rejects(declared(context, tools), (error: GatehouseError) => {
      assert.equal(error.code, 'GH-POLICY-012');
      assert.match(error.message, /automations\.yaml:2: /);
      assert.match(error.message, fault);
      return true;
    });
  });
}

test('each change of what calls are held against is another version, and a note or a queue is none', async (context) => {
  const tools = '[{ tool: x.y, args: { a: { const: 1 } } }]';
  const versionOf = async (limits: string, automations: string): Promise<string> =>
    (
      await readLimits(
        await policiesWith({ 'limits.yaml': limits, 'automations.yaml': automations }, context),
      )
    ).version;
  const version = await versionOf('pendingAsks: 3\n', declaring(tools));
  const same = await versionOf('# a note\ndefault: { queue: 7 }\npendingAsks: 3\n', declaring(tools));
  assert.equal(same, version);
  const others = [
    await versionOf('pendingAsks: 4\n', declaring(tools)),
    await versionOf('conversations: { dm: public }\n', declaring(tools)),
    await versionOf('budgets: [{ name: a, per: day, risk: code, calls: 1 }]\n', declaring(tools)),
    await versionOf('pendingAsks: 3\n', declaring(tools.replace('1', '2'))),
    await versionOf('pendingAsks: 3\n', 'automations: []\n'),
  ];
  assert.equal(new Set([version, ...others]).size, others.length + 1);
});

test('a file that is not there is named, with every fault of one that is, and what to do', async (context) => {
  for (const name of ['limits.yaml', 'automations.yaml']) {
    const folder = await policiesWith({}, context);
    await rm(join(folder, name));
    await assert.rejects(readLimits(folder), (error: GatehouseError) => {
      assert.deepEqual(
        [error.code, error.status, error.next],
        ['GH-POLICY-012', 500, 'Correct the lines named above.'],
      );
      assert.equal(error.message, `The limits are not usable:\n  ${join(folder, name)}: cannot be read`);
      return true;
    });
  }
  await assert.rejects(limitsOf('pendingAsks: 0\nconversations: []\n', context), (error: GatehouseError) => {
    assert.match(
      error.message,
      /:\n {2}.*limits\.yaml:1: pendingAsks.*\n {2}.*limits\.yaml:2: conversations/,
    );
    assert.ok(error.cause);
    return true;
  });
});
