import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findCount } from '../../../../gateway/policy/provenance/counts.ts';
import { tokenise } from '../../../../gateway/policy/provenance/tokens.ts';
import { origins, toolOf } from './support.ts';

const counts = (text: string, value: string): number => findCount(tokenise(text), value).length;

const rows: [string, string, boolean][] = [
  ['a table for two people', '2', true],
  ['three nights', '3', true],
  ['the ten biggest files', '10', true],
  ['Twelve chairs', '12', true],
  ['nineteen guests, please', '19', true],
  ['twenty rooms', '20', true],
  ['twenty-five copies', '25', true],
  ['ninety-nine balloons', '99', true],
  ['forty days', '40', true],
  ['two children', '2', true],
  ['one night', '1', true],
  ['for one guest', '1', true],
  ['two nights', '3', false],
  ['a table for two', '2', false],
  ['two of us', '2', false],
  ['two of the files', '2', false],
  ['the two, files of Ann', '2', false],
  ['the two. Files of Ann', '2', false],
  ['we two always come', '2', false],
  ['these two others', '2', false],
  ['at two this afternoon', '2', false],
  ['two across', '2', false],
  ['two pass', '2', false],
  ['two big, files', '2', false],
  ['the one file', '1', false],
  ['that one night', '1', false],
  ['which one person', '1', false],
  ['one of the guests', '1', false],
  ['the cheaper one guests like', '1', false],
  ['nobody, not one, night', '1', false],
  ['no one person', '1', false],
  ['twenty five copies', '25', false],
  ['tworooms two-rooms', '2', false],
  ['zero nights', '0', false],
  ['two nights', '02', false],
  ['two nights', '2.5', false],
  ['one hundred nights', '100', false],
  ['Say "we all stay for three nights at the house of the old man by the sea, and pay" to Ann', '3', false],
];
for (const [text, value, found] of rows)
  test(`“${text}” ${found ? 'counts' : 'does not count'} ${value}`, () =>
    assert.equal(counts(text, value), found ? 1 : 0));

const table = toolOf('tables.book', 'write', { people: 'sizes', place: 'selects' }, '', {
  people: '{ type: integer, minimum: 0, maximum: 999 }',
});
const people = async (said: string, value: number): Promise<unknown> =>
  (await origins(said, table, { people: value }, { tainted: true }))['/people'];

test('a count in letters is the user’s size, and what others wrote or what is ruled out is not', async () => {
  assert.equal(await people('Book a table for two people', 2), 'user');
  assert.equal(await people('Book a table for no more than two people', 2), 'user');
  assert.equal(await people('Book a table, not for two people', 2), 'unknown');
  assert.equal(await people('Book it\n> for two people', 2), 'unknown');
  assert.equal(await people('Summarise this mail: a table for two people', 2), 'unknown');
  assert.equal(await people('Book the one that Ann likes', 1), 'unknown');
});

test('a count in letters vouches for one value, and never for a record', async () => {
  const twice = toolOf('rooms.book', 'write', { guests: 'sizes', nights: 'sizes', room: 'selects' }, '', {
    guests: '{ type: integer, minimum: 0, maximum: 999 }',
    nights: '{ type: integer, minimum: 0, maximum: 999 }',
  });
  const found = await origins('Book it for two guests', twice, { guests: 2, nights: 2, room: '2' });
  assert.deepEqual(found, { '/guests': 'user', '/nights': 'unknown', '/room': 'unknown' });
  const digits = await origins('Book it for 2 guests', twice, { guests: 2, nights: 2 });
  assert.deepEqual(digits, { '/guests': 'user', '/nights': 'unknown' });
});

test('no number is counted that does not stand there', () => {
  const word = fc.constantFrom(
    'one',
    'two',
    'three',
    'twelve',
    'night',
    'nights',
    'the',
    'of',
    'people',
    ',',
    'and',
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), fc.integer({ min: 1, max: 99 }), (words, value) => {
      const text = words.join(' ');
      if (counts(text, String(value)) > 0)
        assert.ok({ 1: 'one', 2: 'two', 3: 'three', 12: 'twelve' }[value] !== undefined, text);
    }),
  );
});
