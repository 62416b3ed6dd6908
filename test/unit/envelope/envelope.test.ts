import { createSecretKey } from 'node:crypto';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { digest, messageId, parseCommand, sessionKey, uuidv7 } from '../../../gateway/envelope/index.ts';

describe('digest', () => {
  it('is the same for the same JSON value, whatever the order of its keys', () => {
    assert.equal(digest({ b: 1, a: [true, null] }), digest({ a: [true, null], b: 1 }));
  });

  it('differs when one byte differs', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (left, right) => {
        if (!left.isWellFormed() || !right.isWellFormed()) return;
        assert.equal(digest({ v: left }) === digest({ v: right }), left === right);
      }),
    );
  });

  it('refuses what JSON cannot say', () => {
    assert.throws(() => digest(undefined));
    assert.throws(() => digest({ n: Number.NaN }));
    assert.throws(() => digest({ s: '\ud800' }));
  });
});

describe('ids', () => {
  it('sort in the order of their making', () => {
    const ids = Array.from({ length: 10_000 }, () => uuidv7());
    assert.deepEqual([...ids].sort(), ids);
    assert.match(ids[0] ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('of messages cannot be made to collide by separators in their parts', () => {
    const part = fc.string({ unit: fc.constantFrom('a', ':', '%', '3', 'A') });
    fc.assert(
      fc.property(fc.tuple(part, part, part), fc.tuple(part, part, part), (left, right) => {
        const id = ([account, conversation, nativeId]: [string, string, string]): string =>
          messageId({ channel: 'slack', account, conversation, nativeId, revision: 0 });
        assert.equal(id(left) === id(right), left.join('\0') === right.join('\0'));
      }),
    );
  });

  it('of sessions differ for two senders of one conversation', () => {
    const key = createSecretKey(Buffer.alloc(32, 7));
    const place = { channel: 'slack', account: 'T1', conversation: 'C1' };
    assert.notEqual(sessionKey(key, { ...place, sender: 'U1' }), sessionKey(key, { ...place, sender: 'U2' }));
    assert.match(sessionKey(key, { ...place, sender: 'U1' }), /^[A-Za-z0-9_-]{32}$/);
  });
});

describe('commands', () => {
  it('are read only at the very start of a message', () => {
    assert.deepEqual(parseCommand('/pay 120 EUR  ACME invoice-42'), {
      name: 'pay',
      words: ['120', 'EUR', 'ACME', 'invoice-42'],
    });
    assert.deepEqual(parseCommand('/Help@acme_bot'), { name: 'help', words: [] });
    assert.equal(parseCommand('please /pay 120'), null);
    assert.equal(parseCommand('//pay'), null);
    assert.equal(parseCommand('/'), null);
  });
});
