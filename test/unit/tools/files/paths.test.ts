import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isName, segmentsOf } from '../../../../gateway/tools/connectors/files/names.ts';

test('a path is taken apart, and the folder itself where that is meant', () => {
  assert.deepEqual(segmentsOf('reports/2026/über uns.txt'), ['reports', '2026', 'über uns.txt']);
  assert.deepEqual(segmentsOf('', true), []);
});

const bad = [
  '',
  '/',
  '/etc/passwd',
  'a//b',
  'a/',
  '.',
  '..',
  '../x',
  'a/../../x',
  'a/..',
  'a/./b',
  '.gatehouse/x',
  'a/.env',
  '.git/config',
  '...',
  'a\\..\\b',
  'a\0b',
  'a\nb',
  'a\u202eb',
  'a\u200bb',
  'a\u2028b',
  'a\ufeff',
  'a\ud800',
  'cafe\u0301',
  ' a',
  'a ',
  'a.',
  'a\u00a0',
  '\u3000a',
  `${'ä'.repeat(101)}`,
  Array.from({ length: 17 }, () => 'a').join('/'),
];
for (const path of bad) {
  test(`attack: ${JSON.stringify(path).slice(0, 40)} is no path`, () => {
    assert.throws(() => segmentsOf(path), { code: 'GH-TOOLS-062' });
    assert.equal(path !== '' && !path.includes('/') && isName(path), false);
  });
}

test('attack: what is no text is no path', () => {
  for (const path of [undefined, null, 1, ['a'], { toString: () => 'a' }])
    assert.throws(() => segmentsOf(path), { code: 'GH-TOOLS-062' });
});
