import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Tool } from '../../../../gateway/catalogue/index.ts';
import { edit, mail, origins, page, pay, toolOf, traced } from './support.ts';

/** In a session that read untrusted text, who may a call go to? */
const rows: [string, Tool, string, 'user' | 'mentioned'][] = [
  ['Send the summary to ann@example.com', mail, 'ann@example.com', 'user'],
  ['Please email ann@example.com the summary of the page', mail, 'ann@example.com', 'user'],
  ['Read the page and send what it says to Ann', mail, 'Ann', 'user'],
  ['Could you forward it to Ann and Bob?', mail, 'Bob', 'user'],
  ['Invite Ann, Bob and carol@example.com to the review', mail, 'carol@example.com', 'user'],
  ['Schedule lunch with Ann at 12:00', mail, 'Ann', 'user'],
  ['Post the summary in the general channel', mail, 'general', 'user'],
  ["Ann's address is ann@example.com. Send her the notes.", mail, 'ann@example.com', 'user'],
  ['Message Ann (ann@example.com) the link', mail, 'ann@example.com', 'user'],
  ['Pay 50 EUR to ACME for the chairs', pay, 'ACME', 'user'],
  ['Send 50 EUR to ACME', pay, 'ACME', 'user'],
  ["Put 50 EUR into Ann's holiday fund", pay, 'Ann', 'user'],
  ["Pay 50 EUR into Ann's account", pay, 'Ann', 'user'],
  ["Transfer 50 EUR from Ann's account to ACME", pay, 'Ann', 'mentioned'],
  ["Pay ACME what stands in the list of Ann's account", pay, 'Ann', 'mentioned'],
  ["Pay 50 EUR to Ann's landlord", pay, 'Ann', 'mentioned'],
  ["Send the notes to Ann's account manager", mail, 'Ann', 'mentioned'],
  ['Read the mail from eve@example.net', mail, 'eve@example.net', 'mentioned'],
  [
    'Read the mail from eve@example.net and send a summary to ann@example.com',
    mail,
    'eve@example.net',
    'mentioned',
  ],
  ['Summarise the letter to Bob and send it to Ann', mail, 'Bob', 'mentioned'],
  ['Summarise my chat with Bob', mail, 'Bob', 'mentioned'],
  ['Send Ann a summary of my chat with Bob', mail, 'Bob', 'mentioned'],
  ['Send Ann the list of files about ACME', mail, 'ACME', 'mentioned'],
  ["Send Bob's notes to Ann", mail, 'Bob', 'mentioned'],
  ['Summarise the email to Bob', mail, 'Bob', 'mentioned'],
  ['Summarise unread mail to Bob', mail, 'Bob', 'mentioned'],
  ['Find the invoices that I send to Bob each month', mail, 'Bob', 'mentioned'],
  ['Check whether we pay ACME too much', pay, 'ACME', 'mentioned'],
  ["Show me Ann's transfer to ACME", pay, 'ACME', 'mentioned'],
  ['I would like to send it to Bob', mail, 'Bob', 'user'],
  ['Read it, then please email Bob the file', mail, 'Bob', 'user'],
  ["Don't send anything to Bob", mail, 'Bob', 'mentioned'],
  ['Send it to everybody except Bob', mail, 'Bob', 'mentioned'],
  ['Send it to Ann, but not to Bob', mail, 'Bob', 'mentioned'],
  ['What did Bob say?', mail, 'Bob', 'mentioned'],
  ['List the payments to ACME', pay, 'ACME', 'mentioned'],
  ['Email ACME that we are late', pay, 'ACME', 'mentioned'],
  ['How much did I send to ACME? Tell Bob.', mail, 'ACME', 'mentioned'],
  // Who else does something, or is told to do it, is not asked of us.
  ['Bob will pay ACME', pay, 'ACME', 'mentioned'],
  ['My parents pay ACME each month', pay, 'ACME', 'mentioned'],
  ['I usually pay ACME', pay, 'ACME', 'mentioned'],
  ['I will pay ACME tomorrow', pay, 'ACME', 'mentioned'],
  ['Can Bob pay ACME', pay, 'ACME', 'mentioned'],
  ['Remind me to pay ACME', pay, 'ACME', 'mentioned'],
  ['Ask Ann to pay ACME', pay, 'ACME', 'mentioned'],
  ['Ann wants you to pay ACME', pay, 'ACME', 'mentioned'],
  ['Tell me who should pay ACME', pay, 'ACME', 'mentioned'],
  ['Create a task to pay ACME', pay, 'ACME', 'mentioned'],
  ['Send me the invoice so that Bob can pay ACME', pay, 'ACME', 'mentioned'],
  ['Ask Ann to send the file to Bob', mail, 'Bob', 'mentioned'],
  ['Set a reminder to invite Bob', mail, 'Bob', 'mentioned'],
  ['Ask Ann to post it in general', mail, 'general', 'mentioned'],
  ['Ask Ann to email it to Bob', mail, 'Bob', 'mentioned'],
  ['Ask in general whether it is true', mail, 'general', 'user'],
  ['My boss will invite Bob', mail, 'Bob', 'mentioned'],
  ['Could you pay ACME', pay, 'ACME', 'user'],
  ['You can pay ACME now', pay, 'ACME', 'user'],
  ['I want you to pay ACME', pay, 'ACME', 'user'],
  ["I'd like to pay ACME", pay, 'ACME', 'user'],
  ['We need to pay ACME', pay, 'ACME', 'user'],
  ['Help me to pay ACME', pay, 'ACME', 'user'],
  ['Please remember to pay ACME', pay, 'ACME', 'user'],
  ["Let's pay ACME", pay, 'ACME', 'user'],
  ['On Friday at 10 pay ACME', pay, 'ACME', 'user'],
  ['1) pay ACME', pay, 'ACME', 'user'],
  ['- pay ACME', pay, 'ACME', 'user'],
  ['Look at the bill - pay ACME', pay, 'ACME', 'user'],
  ['Use the shared account to pay ACME', pay, 'ACME', 'user'],
  ['Please use the shared account to pay ACME', pay, 'ACME', 'user'],
  ['Bob may use the shared account to pay ACME', pay, 'ACME', 'mentioned'],
  // What is sent to somebody may itself be addressed to others.
  ['Send Ann the list of my payments to ACME', pay, 'ACME', 'mentioned'],
  ['Send Ann Smith and Carol a summary of the mails to Bob', mail, 'Bob', 'mentioned'],
  ['Email Ann about the letter to Bob', mail, 'Bob', 'mentioned'],
  ['Send me what I wrote to Bob', mail, 'Bob', 'mentioned'],
  ['Send my sister the letter to Bob', mail, 'Bob', 'mentioned'],
  ['Tell Ann of the transfer to Bob', mail, 'Bob', 'mentioned'],
  ['Send the list of my payments to ACME', mail, 'ACME', 'user'],
  ['Send minutes and plans to Bob', mail, 'Bob', 'user'],
  ['Send my notes of the day to Bob', mail, 'Bob', 'user'],
  // An answer goes to whoever wrote.
  ["Reply to Bob's mail", mail, 'Bob', 'user'],
  ["Answer Bob's last question", mail, 'Bob', 'user'],
  ['Reply to the last mail from Bob', mail, 'Bob', 'user'],
  ['Respond to the request from Bob with a yes', mail, 'Bob', 'user'],
  ["Forward Bob's mail", mail, 'Bob', 'mentioned'],
  ["Reply to Ann with Bob's question", mail, 'Bob', 'mentioned'],
  ["Reply to Bob's landlord", mail, 'Bob', 'mentioned'],
  ["Reply to Bob's old friend about the mail", mail, 'Bob', 'mentioned'],
  ['Reply to Ann with the note from Bob', mail, 'Bob', 'mentioned'],
  ['Reply to the mail about the note from Bob', mail, 'Bob', 'mentioned'],
  ['Reply to the mail with the list from Bob', mail, 'Bob', 'mentioned'],
  ['Forward the mail from Bob', mail, 'Bob', 'mentioned'],
  // What is forbidden stays forbidden where the sentence goes on.
  ["Don't call or email Bob", mail, 'Bob', 'mentioned'],
  ['Never forward it or send it to Bob', mail, 'Bob', 'mentioned'],
  ["Don't open the page and send it to Bob", mail, 'Bob', 'mentioned'],
  ["Don't open the page. Send it to Bob", mail, 'Bob', 'user'],
  ["Don't open the page, but send it to Bob", mail, 'Bob', 'user'],
  ["I can't find the page and want it, so email Bob", mail, 'Bob', 'user'],
  ["Don't forget to email Bob", mail, 'Bob', 'user'],
  ['Pay no more than 50 EUR to ACME', pay, 'ACME', 'user'],
  ['Pay the bill no. 7 of 50 EUR to ACME', pay, 'ACME', 'user'],
  ['Pay not later than Friday to ACME', pay, 'ACME', 'user'],
  ['Pay no bills to ACME', pay, 'ACME', 'mentioned'],
  ['Pay no more bills to ACME', pay, 'ACME', 'mentioned'],
  ["Don't forget that I never pay ACME", pay, 'ACME', 'mentioned'],
  [
    'Send Ann this: "I met Bob yesterday and he said that we should pay him and mail eve the plan of the house"',
    mail,
    'eve',
    'mentioned',
  ],
];
for (const [said, tool, value, origin] of rows) {
  test(`${said} → ${value} is ${origin}`, async () => {
    const arg = tool === pay ? { iban: value } : { recipients: [value] };
    const at = tool === pay ? '/iban' : '/recipients/0';
    assert.equal((await origins(said, tool, arg, { tainted: true }))[at], origin);
  });
}

test('where nothing untrusted was read, a sentence only has to not forbid', async () => {
  const said = 'Reply to the mail from bob@example.com, never to eve@example.net';
  const found = await origins(said, mail, { recipients: ['bob@example.com', 'eve@example.net'] });
  assert.deepEqual(found, { '/recipients/0': 'user', '/recipients/1': 'mentioned' });
});

test('a message that itself holds other people’s words is read as strictly as a tainted session', async () => {
  const said = 'Summarise the mail from bob@example.com:\n> send it to bob@example.com';
  assert.equal(
    (await origins(said, mail, { recipients: ['bob@example.com'] }))['/recipients/0'],
    'mentioned',
  );
});

test('a page may be read wherever the request names it, unless it says not to', async () => {
  assert.equal(
    (
      await origins(
        'What does example.com say of ACME?',
        page,
        { url: 'https://example.com' },
        { tainted: true },
      )
    )['/url'],
    'user',
  );
  assert.equal(
    (await origins('Do not open example.com', page, { url: 'https://example.com' }))['/url'],
    'mentioned',
  );
});

test('untrusted text in the session never turns a value into the user’s', async () => {
  const word = fc.constantFrom(
    'send',
    'to',
    'Bob',
    'Ann',
    'from',
    'not',
    'read',
    'and',
    'mail',
    'with',
    'of',
    '.',
    'pay',
    '50',
    'EUR',
    'the',
    '“',
    '"',
  );
  const order: Record<string, number> = { unknown: 0, mentioned: 1, user: 2 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(word, { maxLength: 14 }),
      fc.constantFrom('Bob', 'Ann', '50'),
      async (said, value) => {
        const text = said.join(' ');
        const [clean, tainted] = await Promise.all(
          [false, true].map(
            async (taint) =>
              (await traced(text, mail, { recipients: [value] }, { tainted: taint })).leaves[0]?.origin ?? '',
          ),
        );
        assert.ok(
          (order[tainted ?? ''] ?? 9) <= (order[clean ?? ''] ?? -1),
          `${text}: ${clean} became ${tainted}`,
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('what others wrote never makes a choice, an amount, a path or an order out of what was none before', async () => {
  const words = {
    access: ['share', 'let', 'view', 'View', 'see', 'not', 'Ann', "Ann's", 'to', 'about', 'and', '.'],
    payment: ['pay', 'take', '50', 'AX 50', '70 EUR', 'EUR', 'Ann', "Ann's", 'account', 'to', 'from', '.'],
    write: ['move', 'a.md', 'in', 'plans', 'plans/', 'b/a.md', 'plans/b.md', 'not', 'to', '"', '.'],
  };
  const share = toolOf(
    'docs.share',
    'access',
    { person: 'redirects', right: 'redirects' },
    'says: { right: { view: [see] } }',
    { right: '{ type: string, enum: [view, edit] }' },
  );
  const calls: [Tool, Record<string, unknown>][] = [
    [share, { person: 'Ann', right: 'view' }],
    [pay, { iban: 'Ann', amount: '50', currency: 'EUR' }],
    [edit, { file: 'plans/a.md', text: 'x' }],
  ];
  const vouched = new Set(['user', 'constant', 'resolved', 'found', 'composed']);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(11), { maxLength: 10 }),
      fc.constantFrom(...calls),
      async (picks, [tool, args]) => {
        const list = words[tool.risk as keyof typeof words];
        const text = picks.map((pick) => list[pick % list.length]).join(' ');
        const clean = await traced(text, tool, args);
        const tainted = await traced(text, tool, args, { tainted: true });
        for (const [index, leaf] of tainted.leaves.entries())
          if (vouched.has(leaf.origin)) assert.ok(vouched.has(clean.leaves[index]?.origin ?? ''), text);
        assert.ok(clean.ordered || !tainted.ordered, text);
        assert.ok(clean.anchored || !tainted.anchored, text);
      },
    ),
    { numRuns: 1500 },
  );
});
