import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numberKey } from '../../../../gateway/policy/provenance/numbers.ts';
import { keysOf, tokenise } from '../../../../gateway/policy/provenance/tokens.ts';

test('one number is one number, however it is written, and never another', () => {
  for (const [written, key] of [
    ['120', '120'],
    ['120.00', '120'],
    ['120,00', '120'],
    ['$120', '120'],
    ['120€', '120'],
    ['£0120', '120'],
    ['120%', '120'],
    ['0', '0'],
    ['00', '0'],
    ['0.50', '0.5'],
    ['1.05', '1.05'],
    ['1.059,90', '1059.9'],
    ['1.059.000,9', '1059000.9'],
    ['1059,9', '1059.9'],
    ['1,200', '1200'],
    ['1,200.50', '1200.5'],
    ['1,200,300', '1200300'],
    ['1.059', '1.059'],
    ['12,3456', null],
    ['1,20,300', null],
    ['1.20,5', null],
    ['1.2.3', null],
    ['1,200,5', null],
    ['12.', null],
    ['.5', null],
    ['x120', null],
    ['120x', null],
    ['x1.059,90', null],
    ['1.059,90x', null],
    ['-120', null],
    ['$', null],
    ['12$0', null],
    ['%120', null],
    ['', null],
  ] as const)
    assert.equal(numberKey(written), key, written);
});

test('a word is compared by its kind: letter by letter, as a mail address, as a page, as a name with dots', () => {
  for (const [word, keys] of [
    ['Ann', ['x:Ann']],
    ['#general', ['x:general']],
    ['@ann', ['x:ann']],
    ['#', ['x:#']],
    ['##x', ['x:#x']],
    ['a#b', ['x:a#b']],
    ['Ne\u0301mo', ['x:N\u00e9mo']],
    ['Ann@Example.COM', ['e:Ann@example.com']],
    ['mailto:ann@example.com', ['e:ann@example.com']],
    ['xmailto:ann@example.com', ['x:xmailto:ann@example.com']],
    ['ann@example', ['x:ann@example']],
    ['ann@example.com/x', ['x:ann@example.com/x']],
    ['a,b@example.com', ['x:a,b@example.com']],
    ['ann@b@example.com', ['x:ann@b@example.com']],
    ['https://Example.com/', ['x:https://Example.com/', 'u:example.com']],
    ['HTTP://www.example.com/A?b=1#c', ['x:HTTP://www.example.com/A?b=1#c', 'u:example.com/A?b=1#c']],
    ['www.Example.com/a/', ['x:www.Example.com/a/', 'u:example.com/a']],
    ['https://ann@example.com', ['x:https://ann@example.com']],
    ['https://:pw@example.com', ['x:https://:pw@example.com']],
    ['https://', ['x:https://']],
    ['see:https://example.com', ['x:see:https://example.com']],
    ['xwww.example.com', ['x:xwww.example.com', 'b:xwww.example.com']],
    ['example.com', ['x:example.com', 'b:example.com']],
    ['example.www.com', ['x:example.www.com', 'b:example.www.com']],
    ['example.com:8443/a', ['x:example.com:8443/a', 'b:example.com:8443/a']],
    ['example.com/a/b', ['x:example.com/a/b', 'b:example.com/a/b']],
    ['my-host.example.com', ['x:my-host.example.com', 'b:my-host.example.com']],
    ['#example.com', ['x:example.com', 'b:example.com']],
    ['example.', ['x:example.']],
    ['.com', ['x:.com']],
    ['example..com', ['x:example..com']],
    ['example.com:x', ['x:example.com:x']],
    ['(example.com', ['x:(example.com']],
  ] as const)
    assert.deepEqual(keysOf(word), [...keys], word);
});

/** The words of a text, with what `look` says of each. */
const words = (text: string, look: (token: ReturnType<typeof tokenise>[number]) => unknown): unknown[] =>
  tokenise(text).map(look);

test('words stand without what is written around them', () => {
  assert.deepEqual(
    words('  (“Ann”), *Bob*: `x-1`… ¿Eve? ¡no! «Zoë» [a] {b} <c> d_', ({ word }) => word),
    ['Ann', 'Bob', 'x-1', 'Eve', 'no', 'Zoë', 'a', 'b', 'c', 'd'],
  );
  assert.deepEqual(
    words('("(Ann)")', ({ word }) => word),
    ['Ann'],
  );
  assert.deepEqual(
    words('a.b (c)d', ({ word }) => word),
    ['a.b', 'c)d'],
  );
  assert.deepEqual(
    words('... -- !', ({ word }) => word),
    ['--'],
  );
  assert.deepEqual(
    words('', ({ word }) => word),
    [],
  );
  assert.deepEqual(
    words('IBAN : x = y', ({ word, mark }) => [word, mark]),
    [
      ['IBAN', false],
      [':', true],
      ['x', false],
      ['=', false],
      ['y', false],
    ],
  );
});

test('a name that ends with a full stop may keep it', () => {
  assert.deepEqual(
    words('Pay Acme Inc. Ltd! Co.) now', ({ stopped }) => stopped),
    [false, false, true, false, false, false],
  );
});

test('what belongs to somebody is told from the person', () => {
  assert.deepEqual(
    words("Ann's Bob’s Cs don't", ({ word, lower, possessive }) => [word, lower, possessive]),
    [
      ['Ann', 'ann', true],
      ['Bob', 'bob', true],
      ['Cs', 'cs', false],
      ["don't", "don't", false],
    ],
  );
  assert.deepEqual(
    words('Don’t', ({ lower }) => lower),
    ["don't"],
  );
  assert.deepEqual(
    words("Ann's. x's1", ({ word, possessive }) => [word, possessive]),
    [
      ['Ann', true],
      ["x's1", false],
    ],
  );
});

test('sentences end where they do, and not after an abbreviation or inside a number', () => {
  const sentence = (text: string): unknown[] => words(text, (token) => token.sentence);
  assert.deepEqual(sentence('Go. Stop! Why? So; yes'), [0, 1, 2, 3, 4]);
  assert.deepEqual(sentence('He said “go.” Then stop'), [0, 0, 0, 1, 1]);
  assert.deepEqual(sentence('Said \'go.\' "x." y'), [0, 0, 1, 2]);
  assert.deepEqual(sentence('Ask Mr. X, Mrs. X, Ms. X, Dr. X, St. X'), Array(11).fill(0) as number[]);
  assert.deepEqual(
    sentence('No. 7 of Acme Inc. or Ltd. or Co. vs. e.g. i.e. x'),
    Array(13).fill(0) as number[],
  );
  assert.deepEqual(sentence('Do it, mister. X'), [0, 0, 0, 1]);
  assert.deepEqual(sentence('a.b 1.5 x!y z'), [0, 0, 0, 0]);
  assert.deepEqual(sentence('one\ntwo\n\nthree'), [0, 1, 2]);
  assert.deepEqual(sentence('\n\none two'), [0, 0]);
});

test('an order after “and”, “then” or a comma begins a clause; another name does not', () => {
  const clause = (text: string): unknown[] => words(text, (token) => token.clause);
  assert.deepEqual(clause('read it and send it to Ann and Bob'), [0, 0, 0, 1, 1, 1, 1, 1, 1]);
  for (const join of ['and', 'then', 'but', 'or', 'please', 'also', 'afterwards', 'finally', 'next'])
    assert.deepEqual(clause(`look ${join} send`), [0, 0, 1], join);
  assert.deepEqual(clause('read it, send it'), [0, 0, 1, 1]);
  assert.deepEqual(clause('x, y z'), [0, 0, 0]);
  assert.deepEqual(clause('a,b read it'), [0, 0, 0]);
  assert.deepEqual(clause('I send'), [0, 0]);
  assert.deepEqual(clause('send it'), [0, 0]);
  assert.deepEqual(clause('go. Send it'), [0, 2, 2]);
  assert.deepEqual(clause('wait\nSend it\nnow'), [0, 2, 2, 3]);
});

test('a long quotation is somebody else’s, a short one is a name', () => {
  const quoted = (text: string): unknown[] => words(text, (token) => token.quoted);
  const speech = 'we met her and then he told us all of it again at noon today';
  for (const [open, close] of ['""', '“”', '«»'].map((marks) => [...marks])) {
    const found = quoted(`Write ${open}${speech}${close} down`);
    assert.equal(found.length, 17);
    assert.deepEqual([found.at(0), found.at(-1)], [false, false]);
    assert.ok(found.slice(1, -1).every(Boolean), open);
  }
  const twelve = 'the annual general meeting of the members of the choir of Springfield town'.split(' ');
  assert.ok(!quoted(`Name it "${twelve.slice(0, 12).join(' ')}" now`).includes(true));
  assert.ok(quoted(`Name it "${twelve.join(' ')}" now`).includes(true));
  assert.ok(!quoted(`Add "a" and ${twelve.join(' ')} to "b"`).includes(true));
  assert.ok(!quoted(`A 5" nail and ${twelve.join(' ')} of 7" each`).includes(true));
  assert.ok(quoted(`("${twelve.join(' ')}")`).includes(true));
  assert.ok(!quoted('Name it "a b c d e f g h i j k l m n o" now').includes(true));
});

test('what counts, measures or dates is no name of anything', () => {
  const quantity = (text: string): unknown[] =>
    tokenise(text)
      .filter((token) => token.quantity)
      .map(({ word }) => word);
  assert.deepEqual(quantity('pay 50 EUR, EUR 60, $70, 80€ and 90%'), ['50', '60', '$70', '80€', '90%']);
  assert.deepEqual(quantity('on 2026-12-01, 1.12.2026, 12/31/26 at 10:30 or 9:05pm'), [
    '2026-12-01',
    '1.12.2026',
    '12/31/26',
    '10:30',
    '9:05pm',
  ]);
  assert.deepEqual(quantity('file 7, room 12-34, part 1.2, 12345-1-1, x2026-12-01'), []);
  assert.deepEqual(quantity('3 May, May 4, 5 people, the 6th, 1st 2nd 3rd, 77k, 8am, 9pm'), [
    '3',
    '4',
    '5',
    '6th',
    '1st',
    '2nd',
    '3rd',
    '77k',
    '8am',
    '9pm',
  ]);
  for (const month of 'jan feb mar apr may jun jul aug sep sept oct nov dec january september'.split(' '))
    assert.deepEqual(quantity(`${month} 7`), ['7'], month);
  assert.deepEqual(quantity('dismay 7 x 8 amber 9 maybe-not 1'), []);
  assert.deepEqual(quantity('item 7thx k9 am7 days'), []);
  assert.deepEqual(quantity('90%. (80%), a90% 7%x'), ['90%', '80%']);
});
