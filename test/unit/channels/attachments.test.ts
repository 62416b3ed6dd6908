import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWeb, type OfferedFile } from '../../../gateway/channels/index.ts';
import { digestOfText } from '../../../gateway/envelope/index.ts';

const web = createWeb();
const file = (name: string, content: string | Buffer = 'a,b'): OfferedFile => ({
  name,
  content: Buffer.from(content),
});
const taken = (...files: OfferedFile[]) => web.message('ann', 'Ann', 'look', files).attachments;

test('a file is named by reference, name, type, size and digest', () => {
  const [csv, photo] = taken(file('Rechnungen März.csv'), file('x.JPEG', Buffer.from('ffd8ffe0', 'hex')));
  assert.ok(csv && photo);
  const sha256 = digestOfText('a,b');
  assert.match(csv.id, /^[0-9a-f-]{36}$/);
  assert.deepEqual(
    { ...csv, id: '' },
    {
      ...{ id: '', name: 'Rechnungen März.csv', mime: 'text/csv', bytes: 3, sha256, ref: `blob:${sha256}` },
      content: Buffer.from('a,b'),
    },
  );
  assert.equal(photo.mime, 'image/jpeg');
});

const refusals: [what: string, code: string, ...files: OfferedFile[]][] = [
  ['a path that leaves its folder', '013', file('../../etc/passwd.csv')],
  ['a path of Windows', '013', file('..\\boot.csv')],
  ['an absolute path', '013', file('/tmp/a.csv')],
  ['a hidden file', '013', file('.bashrc.csv')],
  ['a control character', '013', file('a\u0007.csv')],
  ['a line break', '013', file('a\n.csv')],
  ['NUL', '013', file('a\0.csv')],
  ['a name that shows as another', '013', file('invoice\u202evsc.exe.csv')],
  ['half of a character', '013', file('a\ud800.csv')],
  ['a name that is too long for a work folder', '013', file(`${'ä'.repeat(49)}.csv`)],
  ['no name', '013', file('')],
  ['two files of one name', '013', file('é.csv'), file('e\u0301.csv')],
  ['no bytes', '012', file('a.csv', '')],
  ['too many', '010', ...Array.from({ length: 9 }, (_, index) => file(`${index}.csv`))],
  ['too much', '011', file('a.csv', Buffer.alloc(4_194_305, 'a'))],
  ['too much together', '011', file('a.csv', Buffer.alloc(4_194_304, 'a')), file('b.csv')],
  ['a type that is not taken', '014', file('a.html')],
  ['no ending', '014', file('constructor')],
  ['an ending of every object', '014', file('a.constructor')],
  ['bytes that are no text', '014', file('a.csv', Buffer.from([0xff, 0xfe, 0x41]))],
  ['NUL in a text', '014', file('a.csv', 'a\0b')],
  ['a program that calls itself a picture', '014', file('a.png', '#!/bin/sh')],
];
for (const [what, code, ...files] of refusals)
  test(`a message with ${what} is refused, and of a bad name nothing is repeated`, () => {
    assert.throws(
      () => taken(...files),
      (error: Error & { code: string; field: string; next: string }) => {
        assert.deepEqual([error.code, error.field], [`GH-CHANNEL-${code}`, 'files']);
        assert.doesNotMatch(`${error.message} ${error.next}`, /\p{Cc}|\.\.|\u202e/u);
        return true;
      },
    );
  });
