import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJsonText } from '../../../gateway/channels/json.ts';
import { parts, withoutMentions } from '../../../gateway/channels/plain-text.ts';

test('whatever JSON can say, if it is well formed and shallow, is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (text) => {
      const parsed = parseJsonText(text);
      // Generated keys may hold what cannot be stored; nothing else may be refused.
      if ('value' in parsed) assert.deepEqual(parsed.value, JSON.parse(text));
      else assert.match(parsed.reason, /NUL|surrogate|stored/);
    }),
  );
});

test('no text at all makes it throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[[\]{}",:\\a0 ]*$/)), (text) => {
      const parsed = parseJsonText(text);
      assert.ok('value' in parsed || parsed.field !== '');
    }),
    { numRuns: 1000 },
  );
});

test('the same key in two objects, in a text or as a value is no duplicate', () => {
  for (const text of [
    '{"a":{"a":1},"b":[{"a":1},{"a":2}]}',
    '{"a":"{\\"a\\":1,\\"a\\":2}"}',
    '{"a":"b","b":"a"}',
    '["a","a"]',
  ]) {
    assert.ok('value' in parseJsonText(text), text);
  }
  assert.deepEqual(parseJsonText('{"x":{"a":1,"b":[],"a":2}}'), {
    reason: 'The payload holds the same key twice.',
    field: 'x.a',
  });
});

test('cutting loses nothing, keeps each part within its size and no character is halved', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.integer({ min: 2, max: 40 }),
      (text, size) => {
        const cut = parts(text, size);
        assert.equal(cut.join(''), text);
        assert.ok(cut.every((part) => part.length <= size && part.length > 0));
        if (text.isWellFormed()) assert.ok(cut.every((part) => part.isWellFormed()));
      },
    ),
  );
});

test('mentions lose their power, addresses keep theirs', () => {
  assert.equal(
    withoutMentions('@here (@all) a@b.example x @ y'),
    '@\u2060here (@\u2060all) a@b.example x @ y',
  );
});
