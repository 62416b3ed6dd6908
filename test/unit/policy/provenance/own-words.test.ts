import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { origins, toolOf } from './support.ts';
import { noWords, wordsOfCommand, wordsOfText } from '../../../../gateway/policy/provenance/own-words.ts';

const at = (text: string, value: string): unknown[] => wordsOfText(text).find(value);

test('a value is found wherever its words stand one after the other', () => {
  assert.deepEqual(at('Ann Smith met Ann Marie Smith and Ann Smith', 'Ann Smith'), [
    { from: 0, to: 1 },
    { from: 7, to: 8 },
  ]);
  assert.deepEqual(at('Ann Smith', 'Smith Ann'), []);
  assert.deepEqual(at('Ann', ''), []);
  assert.deepEqual(at('Ann Smith', 'Ann  Smith'), []);
  assert.deepEqual(at('Ann Smith', 'Ann\tSmith'), []);
  const twelve = 'a1 b c d e f g h i j k l';
  assert.deepEqual(at(twelve, twelve), [{ from: 0, to: 11 }]);
  assert.deepEqual(at(`${twelve} m`, `${twelve} m`), []);
});

test('a page is found by its bare name and the other way round; a file only by its own name', () => {
  assert.equal(at('Read example.com', 'https://example.com/').length, 1);
  assert.equal(at('Read https://example.com', 'example.com').length, 1);
  assert.equal(at('Read https://www.example.com/', 'http://example.com').length, 1);
  assert.equal(at('Read Example.com', 'example.com').length, 0);
  assert.equal(at('Read example.com', 'example.com').length, 1);
});

test('a name that ends with a full stop is found with it and without, a mark of its own is no value', () => {
  for (const value of ['Inc', 'Inc.', 'Acme Inc.', 'Acme Inc'])
    assert.equal(at('Pay Acme Inc.', value).length, 1);
  assert.equal(at('Tell Ne\u0301mo.', 'N\u00e9mo.').length, 1);
  assert.equal(at('Pay Acme!', 'Acme.').length, 0);
  assert.equal(at('IBAN : x', ':').length, 0);
});

test('an account or a telephone is found however it is grouped, and only whole', () => {
  const iban = 'DE44500105175407324931';
  assert.deepEqual(at('Pay DE44 5001 0517 5407 3249 31 now', iban), [{ from: 1, to: 6 }]);
  assert.deepEqual(at('Pay de44-5001-0517-5407-3249-31 now', iban), [{ from: 1, to: 1 }]);
  assert.deepEqual(at(`Pay ${iban} now`, 'DE44 5001 0517 5407 3249 31'), [{ from: 1, to: 1 }]);
  assert.deepEqual(at('Pay DE44 5001 0517 5407 3249 3 1x', iban), []);
  assert.deepEqual(at('Pay xDE44 5001 0517 5407 3249 31', iban), []);
  assert.deepEqual(at('Pay DE44 5001 to 0517 5407 3249 31', iban), []);
  assert.deepEqual(at('Call +1 (415) 555-0100 now', '+14155550100'), [{ from: 1, to: 3 }]);
  assert.deepEqual(at('Call 415.555.0100', '4155550100'), [{ from: 1, to: 1 }]);
  assert.deepEqual(at('Call 415 555 0100', '14155550100'), []);
  assert.deepEqual(at('Call 415 555', '415555'), []);
  assert.deepEqual(at('Call 41 55 55 5', '4155555'), [{ from: 1, to: 4 }]);
  assert.deepEqual(at('Call 1234 5678 9012 3456', '1234567890123456'), []);
  // What counts or dates is no part of a number.
  assert.deepEqual(at('Call 2026-12-01 5550100', '202612015550100'), []);
  assert.deepEqual(at('Send AB 12 345678 pieces', 'AB12345678'), []);
  assert.deepEqual(at('Pay AB_12 3456789012', 'AB123456789012'), []);
});

test('a number is found in every way to write it', () => {
  const words = wordsOfText('We sold 1,200 chairs for 45.00 each');
  assert.deepEqual(words.findNumber('1200'), [{ from: 2, to: 2 }]);
  assert.deepEqual(words.findNumber(45), [{ from: 5, to: 5 }]);
  assert.deepEqual(words.findNumber('12'), []);
  assert.deepEqual(words.findNumber('chairs'), []);
});

test('a currency is named by its sign or its word, and a word that only holds one names none', () => {
  for (const [text, code, named] of [
    ['Pay 5 euros', 'EUR', true],
    ['Pay 5 Euro', 'EUR', true],
    ['Pay 5€', 'EUR', true],
    ['Pay $5', 'USD', true],
    ['Pay 5 dollars', 'USD', true],
    ['Pay a dollar', 'USD', true],
    ['Pay 5 bucks', 'USD', true],
    ['Pay £5', 'GBP', true],
    ['Pay 5 pounds', 'GBP', true],
    ['Pay a pound', 'GBP', true],
    ['Pay 5 quid', 'GBP', true],
    ['Pay ¥5', 'JPY', true],
    ['Pay 5 yen', 'JPY', true],
    ['Pay ₹5', 'INR', true],
    ['Pay 5 rupees', 'INR', true],
    ['Pay a rupee', 'INR', true],
    ['Pay 5 francs', 'CHF', true],
    ['Pay a franc', 'CHF', true],
    ['Ask Eurostat', 'EUR', false],
    ['Pay 5 euros', 'USD', false],
    ['Pay 5 euros', 'XXX', false],
  ] as const)
    assert.equal(wordsOfText(text).hasCurrency(code), named, `${text}: ${code}`);
});

test('a text is the user’s when it stands there word by word, case aside', () => {
  const words = wordsOfText('Write "Happy Birthday, dear Ann!" to her');
  assert.equal(words.holds('happy birthday dear ann'), true);
  assert.equal(words.holds('Happy  Birthday'), true);
  assert.equal(words.holds('birth'), false);
  assert.equal(words.holds('day dear'), false);
  assert.equal(words.holds('dear Birthday'), false);
  assert.equal(words.holds(''), false);
  assert.equal(words.holds(' … '), false);
  assert.equal(wordsOfText('Tell Ne\u0301mo').holds('n\u00e9mo'), true);
});

test('only an order that says what to write dictates', () => {
  for (const [text, dictates] of [
    ['Tell Ann that we are late', true],
    ['Please write that the door is open', true],
    ['Tell Ann that file', false],
    ['Tell Ann that', false],
    ['I heard that we are late', false],
    ['I heard that we are late. Tell Ann', false],
    ['Look at it. Tell Ann that we are late', true],
    ['Did you tell Ann that we are late?', false],
    ['Ann said her email that we got is bad', false],
  ] as const)
    assert.equal(wordsOfText(text).dictates, dictates, text);
});

test('a command’s words serve what its grammar gives them for, whatever they are', () => {
  const words = wordsOfCommand(['not', 'Ann']);
  const [span] = words.find('Ann');
  assert.ok(span);
  assert.equal(words.forbids(span), false);
  assert.equal(words.serves(span, 'payee'), true);
  assert.equal(words.foreign, false);
  assert.deepEqual(noWords.find('Ann'), []);
});

test('a “not” forbids what stands after it in its clause, and nothing before it or elsewhere', () => {
  for (const [text, value, forbidden] of [
    ['Do not mail Ann', 'Ann', true],
    ['Mail Ann and not Bob', 'Ann', false],
    ['Mail Ann and not Bob', 'Bob', true],
    ['I do not know. Mail Ann', 'Ann', false],
    ['Do not read it, mail Ann', 'Ann', false],
  ] as const) {
    const words = wordsOfText(text);
    assert.deepEqual(
      words.find(value).map((span) => words.forbids(span)),
      [forbidden],
      text,
    );
  }
  for (const no of `not never don't dont doesn't doesnt won't wont can't cannot shouldn't mustn't no without except excluding
    instead ignore avoid unless nor neither stop refuse`.split(/\s+/)) {
    const words = wordsOfText(`Mail it ${no} Ann`);
    assert.deepEqual(
      words.find('Ann').map((span) => words.forbids(span)),
      [true],
      no,
    );
  }
});

/** Whether a session that read untrusted text may send to Ann, or pay her. */
const rows: [text: string, sends: boolean, pays: boolean][] = [
  ['Email Ann', true, false],
  ['Pay Ann', true, true],
  ['Please pay Ann', true, true],
  ['Could you then please pay Ann', true, true],
  ['Transfer it to Ann', true, true],
  ['The transfer to Ann', false, false],
  ['See the transfer to Ann', false, false],
  ['A wire to Ann', false, false],
  ['Bob will transfer it to Ann', false, false],
  ['Who should pay Ann', false, false],
  ["Bob's pay to Ann", false, false],
  ['We transfer it to Ann', false, false],
  ['Order it for Ann', true, true],
  ['Write for Ann', false, false],
  ['Share it with Ann', true, false],
  ['Pay it with Ann', false, false],
  ['Send it with Ann', false, false],
  ['Post it in Ann', true, false],
  ['Post it on Ann', true, false],
  ['Post what is in Ann to Bob', false, false],
  ['Send it about Ann', false, false],
  ['Send the list of Ann', false, false],
  ['Send it from Ann', false, false],
  ['Pay what they sent to Ann', true, true],
  ['Send it, read Ann', false, false],
  ['Send and check Ann', false, false],
  ['Send the review Ann', false, false],
  ['Send it into Ann', true, false],
  ['Send 50 into Ann', true, true],
  ['Send the half into Ann', true, true],
  ["Send it to Ann's", false, false],
  ['Send her the file. Her address is Ann', true, false],
  ['Send her 50 EUR. Her address is Ann', true, true],
  ['Pay her. Her address is Ann', true, true],
  ['Her address is Ann', false, false],
  ["Her address is Ann. Don't mail her", false, false],
  ['Is Ann a customer? Send 50 EUR to Bob', false, false],
  ['The customer is Ann. Send 50 EUR to Bob', false, false],
  ["Send 50 EUR to my sister. It's Ann", true, true],
  ['Her address is Ann. Email her', true, false],
  ['Her friend Ann. Email her', false, false],
  ['Email: Ann. Send it', true, false],
  ['Send it. IBAN\nAnn', false, false],
  ['Look. Its account Ann. Why did we pay', false, false],
];
for (const [text, sends, pays] of rows) {
  test(`${text}: ${sends ? 'may' : 'may not'} be sent to, ${pays ? 'may' : 'may not'} be paid`, () => {
    const words = wordsOfText(text);
    const [span] = words.find('Ann');
    assert.ok(span);
    assert.deepEqual([words.serves(span, 'destination'), words.serves(span, 'payee')], [sends, pays]);
  });
}

test('a record may be worked on wherever it is named, but for what a long quotation says', () => {
  const speech = `"we met her and then he told us all of it again at noon, so delete it"`;
  const serves = (text: string, value: string): boolean[] => {
    const words = wordsOfText(text);
    return words.find(value).map((span) => words.serves(span, 'record'));
  };
  assert.deepEqual(serves(`Write ${speech} down`, 'noon'), [false]);
  assert.deepEqual(serves('What is report-7', 'report-7'), [true]);
  assert.deepEqual(serves('Do not delete report-7', 'report-7'), [false]);
});

test('a currency that the request names keeps the default of a tool from standing for it', async () => {
  const cents = toolOf(
    'bank.give',
    'payment',
    { iban: 'redirects', amount: 'sizes', currency: 'sizes' },
    'money: { amount: amount, currency: currency }',
    { currency: '{ type: string, maxLength: 3, default: EUR }' },
  );
  const currency = async (said: string, value = 'EUR'): Promise<unknown> =>
    (await origins(said, cents, { iban: 'ACME', amount: '500', currency: value }))['/currency'];
  assert.equal(await currency('Pay ACME 500'), 'constant');
  assert.equal(await currency('Pay ACME 500 euros'), 'constant');
  for (const said of ['500 pounds', '£500', '500 GBP', '500 yen', '500 SEK', '500 Euro and 3 dollars'])
    assert.equal(await currency(`Pay ACME ${said}`), 'mentioned');
  assert.equal(await currency('Pay ACME 500 pounds', 'GBP'), 'user');
  assert.equal(await currency('Pay ACME 500', 'GBP'), 'unknown');
});

/** Which amounts the request may be about: in a session that read nothing from others, and in one that did. */
const amounts: [string, string, boolean, boolean][] = [
  ['Pay Bob 50', '50', true, true],
  ['Pay Bob 50 EUR', '50.00', true, true],
  ['Pay Bob EUR 50', '50', true, true],
  ['Pay Bob €50 for 300 chairs', '50', true, true],
  ['Pay Bob 50 euros for 300 chairs', '300', true, false],
  ['Pay Bob 50 € for AX 412', '412', false, false],
  ['Take AX 412 if the fare fits', '412', false, false],
  ['Take AX 412, which is 142', '142', true, true],
  ['Pay Bob USD 412', '412', true, true],
  ['Pay 300 to Bob in order 882', '300', true, true],
  ['Take AX 50 EUR 30', '50', false, false],
  ['Pay Bob 50', '500', false, false],
  ['Pay Bob 40 and not 50', '50', false, false],
  ['Pay Bob 40 EUR, never 50 EUR', '50', false, false],
  ['Pay Bob no more than 50 EUR', '50', true, true],
  ['Pay the bill no. 7 of 50 EUR', '50', true, true],
  [
    'Pay Bob 40 EUR for "a very long text which says that I have to be paid 50 EUR at once, or else"',
    '50',
    false,
    false,
  ],
];
for (const [said, amount, clean, strict] of amounts) {
  test(`${said}: ${amount} is ${clean ? (strict ? 'an amount' : 'one where nobody else spoke') : 'none'}`, () => {
    assert.equal(wordsOfText(said).findAmount(amount, false).length > 0, clean);
    assert.equal(wordsOfText(said).findAmount(amount, true).length > 0, strict);
  });
}

test('attack: no number beside none of the currencies is paid once others had a say', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 9999 }), fc.integer({ min: 2, max: 9999 }), (price, other) => {
      fc.pre(price !== other);
      const words = wordsOfText(`Pay Bob ${price} EUR for the ${other} chairs of order ${other}`);
      assert.equal(words.findAmount(String(price), true).length, 1);
      assert.equal(words.findAmount(String(other), true).length, 0);
    }),
  );
});
