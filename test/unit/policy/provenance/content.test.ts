import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carriedBy } from '../../../../gateway/policy/provenance/content.ts';
import { wordsOfText } from '../../../../gateway/policy/provenance/own-words.ts';
import { mail, toolOf, traced } from './support.ts';

const asked = wordsOfText(
  'Mail Ann the notes, the link https://acme.com/notes and the number 4111111111111111',
);
const hosts = (text: string): string[] => carriedBy(text, asked).hosts;
const secret = (text: string): boolean => carriedBy(text, asked).secret;

/** The hosts that a text would lead its reader to. */
const links: [what: string, text: string, found: string[]][] = [
  ['no link', 'See you at ten. Ann', []],
  ['a link with its port, path and query', 'https://evil-site.com:8443/a?b=1#c', ['evil-site.com']],
  ['a link at the end of a sentence', 'It is at https://evil-site.com/a.', ['evil-site.com']],
  ['a link in brackets', '(see <https://evil-site.com/a>)', ['evil-site.com']],
  [
    'a link in markup',
    '[here](https://evil-site.com/a) and <a href="https://b-site.org">',
    ['evil-site.com', 'b-site.org'],
  ],
  ['a link in capitals', 'HTTPS://EVIL-SITE.COM/A', ['evil-site.com']],
  ['a link without its scheme', 'WWW.Evil-Site.com/a', ['www.evil-site.com']],
  [
    'the scheme of an app',
    'slack://evil-site.com/x and git+ssh://code.evil-site.com/x',
    ['evil-site.com', 'code.evil-site.com'],
  ],
  ['a link to an address', 'http://10.0.0.7/x', ['10.0.0.7']],
  ['a link with a user before its host', 'https://acme.com@evil-site.com/', ['evil-site.com']],
  ['a link that no browser reads', 'http://[::1:bad/x', ['http://[::1:bad/x']],
  ['a name and its port', 'Open evil-site.com:8443 now', ['evil-site.com']],
  ['a name and its path', 'Open Evil-Site.com/a, now', ['evil-site.com']],
  ['a name before a full stop', 'Open evil-site.com. Now', ['evil-site.com']],
  ['a name in letters of other scripts', 'Open зло.com now', ['зло.com']],
  ['a name under a suffix that its owner lets', 'Open evil.github.io now', ['evil.github.io']],
  [
    'names of hosts that end as files do',
    'Open evil-site.sh/a and evil-site.app/b',
    ['evil-site.sh', 'evil-site.app'],
  ],
  ['names that may be files', 'evil-site.sh, page.app and Main.java', []],
  ['names that are files', 'plan.txt, photo.jpeg, v1.2.3 and e.g. this', []],
  [
    'a name for private use',
    'router.lan, nas.local, git.corp and db.internal',
    ['router.lan', 'nas.local', 'git.corp', 'db.internal'],
  ],
  ['a part of a word', 'x@evil-site.com-y and _evil-site.com', []],
  ['the host of a mail address', 'ann@evil-site.com', []],
  ['the same host twice', 'https://evil-site.com/a evil-site.com/b', ['evil-site.com']],
  ['what was typed', 'https://acme.com/notes acme.com/notes', []],
  ['another page of what was typed', 'https://acme.com/other', ['acme.com']],
];
for (const [what, text, found] of links) {
  test(`links that leave: ${what}`, () => assert.deepEqual(hosts(text), found));
}

test('a flood of links is reported by its first twenty', () => {
  const text = Array.from({ length: 30 }, (_, index) => `https://h${index}.evil-site.com`).join(' ');
  assert.deepEqual(
    hosts(text),
    Array.from({ length: 20 }, (_, index) => `h${index}.evil-site.com`),
  );
});

/** What looks like a credential and what does not. */
const keys: [what: string, text: string, found: boolean][] = [
  ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIE', true],
  ['a private key of a kind', '-----BEGIN OPENSSH PRIVATE KEY-----', true],
  ['a public key', '-----BEGIN PUBLIC KEY-----', false],
  ['a live key', 'sk_live_4eC39HqLyjWDarjtT1zd', true],
  ['a key of a project', 'sk-proj-4eC39HqLyjWDarjt', true],
  ['a bare key', 'use pk-4eC39HqLyjWDarjtT1zd', true],
  ['a short word with the same start', 'sk-4eC39Hq', false],
  ['a word that holds the start', 'risk-4eC39HqLyjWDarjtT1zd', false],
  ['a token of a forge', 'ghp_4eC39HqLyjWDarjtT1zd', true],
  ['a token of a chat', 'xoxb-4eC39HqLyjWDarjt', true],
  ['a key of a cloud', 'AKIA4EC39HQLYJWDARJT', true],
  ['a part of a longer word', 'xAKIA4EC39HQLYJWDARJT', false],
  ['a signed token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0x.abc', true],
  ['half a signed token', 'eyJhbGciOiJIUzI1NiJ9', false],
  ['a password', 'Password: hunter22', true],
  ['a password in quotes', 'the passphrase is “correct7horse”', true],
  [
    'a password that comes later in its sentence',
    'The password for the house by the sea is sunny99day',
    true,
  ],
  ['a password on another line', 'The password is below\nsunny99day', false],
  ['a password too far away', `password ${'and so on '.repeat(7)} sunny99day`, false],
  ['a short word', 'password: a1b2c', false],
  ['a word without a figure', 'password: ask Bob', false],
  ['a figure without a word', 'token 123', false],
  ['a code of digits', 'PIN 7741', true],
  ['a code of a door', 'The door code is 7741#.', true],
  ['a code with another ending', 'The door code is 7741x', false],
  ['a code that is too long', 'The door code is 12345678901', false],
  ['a code of another thing', 'The postal code is 77412', false],
  ['the key of an interface', 'api key 4eC39HqL', true],
  ['a log-in', 'log-in: acme 4eC39HqL', true],
  ['a one-time code', 'one-time code 993311', true],
  ['the word alone', 'A secret. We met 1200 people', true],
  ['a word that only holds one', 'The spinning wheel 7741', false],
  ['a card', '5500 0000 0000 0004', true],
  ['a card with dashes', '5500-0000-0000-0004', true],
  ['a card whose last digit is wrong', '5500 0000 0000 0005', false],
  ['a card of thirteen digits', '4222222222222', true],
  ['a card of nineteen digits', '6304000000000000000', true],
  ['too few digits', '422222222222', false],
  ['too many digits', '42222222222220000000', false],
  ['a part of a figure', '1.5500000000000004', false],
  ['a figure that goes on', '5500000000000004.5', false],
  ['an account', 'NL91ABNA0417164300', true],
  ['an account in groups', 'to GB29 NWBK 6016 1331 9268 19 now', true],
  ['an account that is too short', 'NL91ABNA0417', false],
  ['a number of an order', 'XNL91ABNA0417164300', false],
  ['a card that was typed', '4111111111111111', false],
];
for (const [what, text, found] of keys) {
  test(`credentials that leave: ${what}`, () => assert.equal(secret(text), found));
}

test('a credential that the request itself names may be written, another one may not', () => {
  const words = wordsOfText('Mail Ann that the door code is 7741# and her account NL91ABNA0417164300');
  assert.equal(carriedBy('The door code is 7741#', words).secret, false);
  assert.equal(carriedBy('The door code is 8852#', words).secret, true);
  assert.equal(carriedBy('Account: NL91 ABNA 0417 1643 00', words).secret, false);
  assert.equal(carriedBy('Account: GB29 NWBK 6016 1331 9268 19', words).secret, true);
});

test('figures are only counted against a request that says what to write', () => {
  const told = wordsOfText('Tell Ann that we sold 1,200 chairs at 10:30, for 45 EUR each');
  const added = (text: string): boolean => carriedBy(text, told).added;
  assert.equal(added('We sold 1200 chairs at 10:30 for 45.00 EUR'), false);
  assert.equal(added('We sold 12'), true);
  assert.equal(added('We sold 1200 chairs, 3 of them red'), false);
  assert.equal(added('Pay by 2026-11-01'), true);
  assert.equal(carriedBy('Pay by 2026-11-01', wordsOfText('Mail Ann the notes')).added, false);
});

const spoken = toolOf('talk.reply', 'write', { body: 'content' }).connector;
const reply = {
  ...toolOf('talk.reply', 'write', { body: 'content' }),
  connector: { ...spoken, kind: 'gatehouse' },
};
const leak = 'https://evil-site.com ghp_4eC39HqLyjWDarjtT1zd';
const open = { hosts: ['evil-site.com'], secret: true, added: false };
const closed = { hosts: [], secret: false, added: false };

test('a text leaves with a call that sends, pays, gives access or was never classed, and with no other', async () => {
  for (const [risk, expected] of [
    ['outbound', open],
    ['payment', open],
    ['access', open],
    ['unclassified', open],
    ['read', closed],
    ['write', closed],
    ['delete', closed],
  ] as const) {
    const tool = { ...mail, risk } as typeof mail;
    const { carried } = await traced('Mail Ann', tool, { recipients: ['Ann'], body: leak });
    assert.deepEqual(carried, expected, risk);
  }
});

test('a reply leaves where strangers listen', async () => {
  for (const [visibility, expected] of [
    ['public', open],
    ['external', open],
    ['private', closed],
    ['dm', closed],
  ] as const) {
    const { carried } = await traced(
      { text: 'Hello', channel: { kind: 'slack', visibility } },
      reply as typeof mail,
      { body: leak },
    );
    assert.deepEqual(carried, expected, visibility);
  }
  const { carried } = await traced(
    { text: 'Hello', channel: { kind: 'slack', visibility: 'public' } },
    toolOf('notes.write', 'write', { body: 'content' }),
    { body: leak },
  );
  assert.deepEqual(carried, closed);
});

test('all texts of a call are read, and its other values are not texts', async () => {
  const { carried } = await traced('Mail Ann', mail, {
    recipients: ['a.evil-site.com'],
    subject: 'https://b.evil-site.com',
    body: 'https://c.evil-site.com https://b.evil-site.com ghp_4eC39HqLyjWDarjtT1zd',
  });
  assert.deepEqual(carried, { hosts: ['b.evil-site.com', 'c.evil-site.com'], secret: true, added: false });
});
