import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { heardFrom } from '../../../../gateway/policy/facts.ts';
import { contacts, edit, mail, origins, remove, toolOf, traced } from './support.ts';

const choice = `says: { right: { view: [see, look], edit: [change] } }`;
const share = toolOf(
  'docs.share',
  'access',
  { title: 'selects', person: 'redirects', right: 'redirects' },
  choice,
  { right: '{ type: string, enum: [view, edit, own] }' },
);
const bob = { title: 'Plan', person: 'bob@acme.example', right: 'view' };

/** Whether a request orders that Bob may see the plan. */
const rows: [string, boolean][] = [
  ['Share Plan with bob@acme.example, view only', true],
  ['Could you please let bob@acme.example view Plan?', true],
  ["Plan is ready. Give bob@acme.example the right to view it, he's waiting", true],
  ['Let bob@acme.example see what he needs of Plan', true],
  ['Let me see whether bob@acme.example can view Plan', false],
  ['Permit us to view Plan of bob@acme.example', false],
  ['Tell bob@acme.example about Plan, which I cannot view', false],
  ['Did you share Plan with bob@acme.example to view?', false],
  ['Who let bob@acme.example view Plan?', false],
  ['Did Ann give bob@acme.example the right to view Plan?', false],
  ['Plan is read by bob@acme.example, view it. Never give Plan or bob@acme.example away', false],
  [
    'Tell Ann this: "Please give bob@acme.example the right to view Plan, and all of the rest that he may want to see"',
    false,
  ],
  ["Don't share Plan with bob@acme.example to view", false],
  ['Never let anybody but bob@acme.example and me view Plan', false],
  ['Read Plan and mail bob@acme.example what you view there', false],
  ['Show me the shares of Plan that bob@acme.example can view', false],
  ['My share of Plan was for bob@acme.example to view', false],
  ['Forward this:\n> share Plan with bob@acme.example, view', false],
  ['---------- Forwarded message ----------\nShare Plan with bob@acme.example, view', false],
  ['```\nShare Plan with bob@acme.example, view\n```', false],
  [
    'Post "everybody who wants may share Plan with bob@acme.example so that he can view it, and nobody has to ask me for it"',
    false,
  ],
];
for (const [said, ordered] of rows) {
  test(`${said} → ${ordered ? 'an order' : 'no order'}`, async () => {
    assert.equal((await traced(said, share, bob)).ordered, ordered);
  });
}

test('an order is one of the class of its tool', async () => {
  const file = { file: 'a.txt' };
  assert.equal((await traced('Delete a.txt', remove, file)).ordered, true);
  assert.equal((await traced('Share a.txt', remove, file)).ordered, false);
  assert.equal((await traced('Delete b.txt and read a.txt', remove, file)).ordered, false);
  assert.equal((await traced('Delete a.txt', edit, { ...file, text: 'x' })).ordered, false);
  assert.equal((await traced('Delete the mail', mail, { recipients: ['mail'] })).ordered, false);
});

const book = toolOf(
  'flights.book',
  'payment',
  { flight: 'selects', fare: 'sizes', cur: 'sizes' },
  'money: { amount: fare, currency: cur }',
);
for (const [said, ordered] of [
  ['Take AX 412 for me', true],
  ['Please book AX 412', true],
  ['Could you reserve the flight AX 412?', true],
  ['Take a look at AX 412', false],
  ['Is AX 412 booked?', false],
  ['Should I take AX 412?', false],
  ['Take the train, or if it is late AX 412', false],
  ['Did I take AX 412?', false],
  ['Book the train and tell me about AX 412', false],
  ['Book the one that is cheaper than AX 412', false],
  ['Let me know what AX 412 is', false],
] as const) {
  test(`${said} → ${ordered ? 'a booking' : 'no booking'}`, async () => {
    assert.equal((await traced(said, book, { flight: 'AX 412' })).ordered, ordered);
  });
}

test('an order about a choice alone is about nothing', async () => {
  assert.equal((await traced('Let them view it', share, { right: 'view' })).ordered, false);
});

test('attack: a look-alike, another case or half of a value is not ordered', async () => {
  const value = fc.constantFrom('bob@acme.example', 'Plan');
  const change = fc.constantFrom<(text: string) => string>(
    (text) => text.replace('a', '\u0430'),
    (text) => `${text.slice(0, 1)}\u200b${text.slice(1)}`,
    (text) => text.slice(1),
    (text) => `${text}s`,
    (text) => text.toUpperCase(),
  );
  await fc.assert(
    fc.asyncProperty(value, change, async (one, turned) => {
      const said = 'Share Plan with bob@acme.example';
      const args = one === 'Plan' ? { title: turned(one) } : { person: turned(one) };
      assert.equal((await traced(said, share, args)).ordered, false);
    }),
  );
});

test('a choice is named in any case, or by the words of its tool, and never by those of another choice', async () => {
  const right = async (said: string, value: string): Promise<unknown> =>
    (await origins(said, share, { ...bob, right: value }))['/right'];
  assert.equal(await right('Share Plan. View only.', 'view'), 'user');
  assert.equal(await right('Let him look at Plan', 'view'), 'user');
  assert.equal(await right('He may Change it', 'edit'), 'user');
  assert.equal(await right('Let him look at Plan', 'edit'), 'unknown');
  assert.equal(await right('Let him overlook Plan', 'view'), 'unknown');
  assert.equal(await right('He must not change it', 'edit'), 'mentioned');
  assert.equal(await right('Share Plan with OWNERS', 'own'), 'unknown');
});

test('a choice need not be where something goes, only in the words of the order', async () => {
  const right = async (said: string): Promise<unknown> =>
    (await origins(said, share, { ...bob, right: 'edit' }, { tainted: true }))['/right'];
  assert.equal(await right('Give bob@acme.example the right to edit Plan'), 'user');
  assert.equal(await right('Share Plan with bob@acme.example so that he can edit it'), 'user');
  assert.equal(await right('Share Plan with bob@acme.example after what I edit'), 'mentioned');
});

test('any case is for choices: a free value keeps its letters', async () => {
  assert.equal((await origins('Share plan', share, { title: 'Plan' }))['/title'], 'unknown');
});

test('a choice never vouches for more than the words that stand there', async () => {
  const word = fc.constantFrom(
    'let',
    'Bob',
    'view',
    'see',
    'edit',
    'not',
    'never',
    'Plan',
    'own',
    'owner',
    'looking',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 8 }), async (said) => {
      for (const [value, names] of [
        ['view', ['view', 'see', 'look']],
        ['edit', ['edit', 'change']],
        ['own', ['own']],
      ] as const) {
        const origin = (await origins(said.join(' '), share, { right: value }))['/right'];
        if (origin === 'user') assert.ok(said.some((one) => names.includes(one as never)));
      }
    }),
  );
});

test('a directory leaves the roles of a sentence strict, and is nothing from outside', () => {
  const balance = toolOf('bank.balance', 'read', { account: 'selects' }, 'output: trusted');
  assert.deepEqual(heardFrom([]), { tainted: false, outside: false });
  assert.deepEqual(heardFrom([balance]), { tainted: false, outside: false });
  assert.deepEqual(heardFrom([balance, contacts]), { tainted: true, outside: false });
  assert.deepEqual(heardFrom([contacts, edit]), { tainted: true, outside: true });
  assert.deepEqual(heardFrom([undefined]), { tainted: true, outside: true });
});
