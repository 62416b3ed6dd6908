import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mailboxOf, shownDomain } from '../../../../gateway/tools/connectors/mail/address.ts';

test('a plain address is one, and a domain beyond ASCII is asked for by its ASCII name', () => {
  assert.deepEqual(mailboxOf('Ann.O+x@Example.com'), {
    address: 'Ann.O+x@example.com',
    domain: 'example.com',
  });
  assert.equal(mailboxOf('ann@bücher.example').address, 'ann@xn--bcher-kva.example');
});

const bad = [
  '',
  'ann',
  'ann@',
  '@example.com',
  'ann@example',
  'ann@example.com, eve@evil.example',
  'ann@example.com;eve@evil.example',
  'ann@example.com eve@evil.example',
  'ann@example.com,',
  'Ann <ann@example.com>',
  '"ann@example.com" <eve@evil.example>',
  '<eve@evil.example>',
  'ann@example.com<eve@evil.example>',
  'ann@example.com>',
  'ann@example.com (eve@evil.example)',
  '"ann eve"@example.com',
  'ann@example.com\r\nBcc: eve@evil.example',
  'ann@example.com\nBcc: eve@evil.example',
  'ann\r\n@example.com',
  'ann@example.com\u0000',
  'ann@example.com\u2028',
  'ann@example.com\u0085x',
  'ann@exam\u00adple.com',
  'ann@exam\u200bple.com',
  'ann@example\u3002com',
  'ann@example\uff0ecom',
  'ann@ｅxample.com\ufeff',
  'ann@@example.com',
  'ann@eve@example.com',
  'a..b@example.com',
  '.ann@example.com',
  'ann.@example.com',
  'ann@.example.com',
  'ann@example..com',
  'ann@example.com.',
  'ann@-example.com',
  'ann@[127.0.0.1]',
  'ann@127.0.0.1',
  'ann@0x7f.1',
  'ann@example.com/x',
  'ann@example.com%0d%0aBcc:x',
  'ann@%65xample.com',
  'ann%evil.example@example.com',
  'evil.example!ann@example.com',
  'аnn@example.com',
  `${'a'.repeat(65)}@example.com`,
  `ann@${'a'.repeat(64)}.com`,
  `ann@${'a.'.repeat(130)}com`,
];
for (const text of bad) {
  test(`attack: ${JSON.stringify(text).slice(0, 50)} is no address`, () => {
    assert.throws(
      () => mailboxOf(text),
      (error: { code?: string; message: string }) => {
        assert.equal(error.code, 'GH-TOOLS-070');
        // What is shown of it is one line of visible characters.
        assert.match(error.message, /^[\x20-\x7e]*$/);
        return true;
      },
    );
  });
}

test('attack: a look-alike domain is shown for what it is', () => {
  assert.equal(shownDomain('example.com'), 'example.com');
  const { domain } = mailboxOf('ann@аpple.com');
  assert.equal(shownDomain(domain), 'аpple.com (xn--pple-43d.com, letters of Latin and Cyrillic)');
  assert.equal(
    shownDomain(mailboxOf('ann@аррӏе.com').domain),
    'аррӏе.com (xn--80ak6aa92e.com, Cyrillic letters)',
  );
  assert.equal(shownDomain('xn--bcher-kva.example'), 'bücher.example (xn--bcher-kva.example, Latin letters)');
});
