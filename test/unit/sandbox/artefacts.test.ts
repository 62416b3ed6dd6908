import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packTar } from 'modern-tar';
import { readArtefacts } from '../../../gateway/sandbox/files.ts';

/** One entry as a hostile container writes it; `size` may lie. */
async function entry(
  name: string,
  type: 'file' | 'symlink' | 'link' | 'directory',
  body = '',
): Promise<Buffer> {
  const linkname = type === 'symlink' || type === 'link' ? '/etc/passwd' : undefined;
  const header = { name, type, size: body.length, ...(linkname ? { linkname } : {}) };
  const tar = Buffer.from(await packTar([{ header, ...(body ? { body } : {}) }]));
  return tar.subarray(0, 512 + Math.ceil(body.length / 512) * 512);
}
/** The same with another size in its header (ustar: octal at 124, checksum at 148). */
function claiming(size: number, one: Buffer): Buffer {
  const tar = Buffer.from(one);
  tar.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  tar.write('        ', 148);
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return tar;
}
const said = async (tar: Buffer | 'too_large'): Promise<unknown> => (await readArtefacts(['out'], tar))[0];
const refused = (why: string): object => ({ path: 'out', content: null, refused: why });

test('a declared file comes back, and nothing beside it', async () => {
  const tar = Buffer.concat([
    await entry('../../etc/cron.d/x', 'file', 'no'),
    await entry('/etc/passwd', 'file', 'no'),
    await entry('out', 'file', 'yes'),
  ]);
  assert.deepEqual(await readArtefacts(['out'], tar), [
    { path: 'out', content: Buffer.from('yes').toString('base64'), refused: null },
  ]);
});

test('attack: links, folders, a size that lies and what is no tar are no artefact', async () => {
  assert.deepEqual(await said(await entry('out', 'symlink')), refused('link'));
  assert.deepEqual(await said(await entry('out', 'link')), refused('link'));
  assert.deepEqual(await said(await entry('out', 'directory')), refused('not_a_file'));
  const file = await entry('out', 'file', 'abc');
  for (const size of [4_000, 2 ** 31, 8 ** 11 - 1])
    assert.deepEqual(await said(claiming(size, file)), refused('missing'), String(size));
  assert.deepEqual(await said(file.subarray(0, 300)), refused('missing'));
  assert.deepEqual(await said(Buffer.alloc(4096, 'x')), refused('missing'));
  assert.deepEqual(await said('too_large'), refused('too_large'));
  assert.deepEqual(await said(Buffer.concat([await entry('out', 'symlink'), file])), refused('link'));
});
