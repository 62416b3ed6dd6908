import assert from 'node:assert/strict';
import {
  existsSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createFilesConnector, createFilesDryRun } from '../../../../gateway/tools/connectors/files/index.ts';
import { besides } from '../../../../gateway/tools/connectors/files/lock.ts';
import { hashOf, shared, shippedTool, type Shared } from './support.ts';

let at: Shared;
before(() => {
  at = shared();
});
after(() => at.close());

test('a file is written, read, listed, replaced, deleted and restored', async () => {
  const path = 'reports/2026/june.txt';
  const first = await at.done('files.write', { path, content: 'one' });
  assert.deepEqual(first, { path, sha256: hashOf('one'), replaced: null });
  const second = await at.done('files.write', { path, content: 'two', replaces: hashOf('one') });
  assert.deepEqual(second, { path, sha256: hashOf('two'), replaced: 1 });
  const read = await at.done('files.read', { path });
  assert.deepEqual([read.text, read.sha256, read.bytes], ['two', hashOf('two'), 3]);
  const listed = await at.done('files.list', { folder: 'reports/2026' });
  assert.deepEqual(
    (listed.entries as { name: string; bytes: number }[]).map(({ name, bytes }) => [name, bytes]),
    [['june.txt', 3]],
  );
  assert.deepEqual(await at.done('files.delete', { path, sha256: `sha256:${hashOf('two')}` }), {
    path,
    sha256: null,
    replaced: 2,
  });
  assert.equal(existsSync(join(at.root, path)), false);
  assert.deepEqual(await at.done('files.restore', { path, version: 1 }), {
    path,
    sha256: hashOf('one'),
    replaced: null,
  });
  const { versions } = (await at.done('files.history', { path })) as {
    versions: { version: number; sha256: string }[];
  };
  assert.deepEqual(
    versions.map(({ version, sha256 }) => [version, sha256]),
    [
      [2, hashOf('two')],
      [1, hashOf('one')],
    ],
  );
  assert.equal(readFileSync(join(at.root, path), 'utf8'), 'one');
});

test('a second try of a call finds what the first one did', async () => {
  const path = 'again.txt';
  const write = { path, content: 'b', replaces: hashOf('a') };
  await at.done('files.write', { path, content: 'a' });
  const once = await at.done('files.write', write, 'att_w');
  assert.deepEqual(await at.done('files.write', write, 'att_w'), once);
  const gone = await at.done('files.delete', { path, sha256: hashOf('b') }, 'att_d');
  assert.deepEqual(await at.done('files.delete', { path, sha256: hashOf('b') }, 'att_d'), gone);
  // Another call is no second try.
  await assert.rejects(at.call('files.delete', { path, sha256: hashOf('b') }), { code: 'GH-TOOLS-066' });
});

test('a call that died between keeping and writing keeps nothing twice', async () => {
  const path = 'died.txt';
  await at.done('files.write', { path, content: 'a' });
  const write = { path, content: 'b', replaces: hashOf('a') };
  const part = join(at.root, besides(path).part);
  mkdirSync(part);
  await assert.rejects(at.call('files.write', write, 'att_died'));
  rmdirSync(part);
  // Its gateway was killed, so that its lock is still there.
  symlinkSync('att_died', join(at.root, besides(path).lock));
  assert.equal((await at.done('files.write', write, 'att_died')).replaced, 1);
  const { versions } = (await at.done('files.history', { path })) as { versions: unknown[] };
  assert.equal(versions.length, 1);
});

test('a file that another call holds is not changed, and one that was abandoned is', async () => {
  const path = 'held.txt';
  const lock = join(at.root, besides(path).lock);
  symlinkSync('att_other', lock);
  const waiting = at.call('files.write', { path, content: 'a' });
  await assert.rejects(waiting, { code: 'GH-TOOLS-067' });
  assert.equal(existsSync(join(at.root, path)), false);
  const longAgo = new Date(Date.now() - 3600_000);
  lutimesSync(lock, longAgo, longAgo);
  assert.equal((await at.done('files.write', { path, content: 'a' })).replaced, null);
});

test('attack: a file that is not what was decided on is neither replaced nor deleted', async () => {
  const path = 'pinned.txt';
  await at.done('files.write', { path, content: 'approved' });
  writeFileSync(join(at.root, path), 'swapped');
  const changed = { code: 'GH-TOOLS-065' };
  await assert.rejects(at.call('files.write', { path, content: 'x', replaces: hashOf('approved') }), changed);
  await assert.rejects(at.call('files.delete', { path, sha256: hashOf('approved') }), changed);
  await assert.rejects(at.call('files.write', { path, content: 'x' }), changed);
  await assert.rejects(
    at.call('files.write', { path: 'none.txt', content: 'x', replaces: hashOf('a') }),
    changed,
  );
  assert.equal(readFileSync(join(at.root, path), 'utf8'), 'swapped');
});

test('versions are kept up to their number, the oldest goes first, and numbers are not used again', async () => {
  const path = 'many.txt';
  await at.done('files.write', { path, content: '0' });
  for (let n = 1; n <= 13; n += 1)
    await at.done('files.write', { path, content: String(n), replaces: hashOf(String(n - 1)) });
  const { versions } = (await at.done('files.history', { path })) as { versions: { version: number }[] };
  assert.deepEqual(
    versions.map(({ version }) => version),
    [13, 12, 11, 10, 9, 8, 7, 6, 5, 4],
  );
  await assert.rejects(at.call('files.restore', { path, version: 1 }), { code: 'GH-TOOLS-066' });
});

test('of many calls that replace one content, one does', async () => {
  const path = 'raced.txt';
  await at.done('files.write', { path, content: 'start' });
  const ends = await Promise.allSettled(
    Array.from({ length: 12 }, (_, n) =>
      at.call('files.write', { path, content: `by ${n}`, replaces: hashOf('start') }, `att_race${n}`),
    ),
  );
  assert.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1);
  const left = readdirSync(at.root).filter((name) => name.startsWith('.gatehouse-'));
  assert.deepEqual(left, []);
});

test('bytes that are no text come back as Base64, and go in as such', async () => {
  const bytes = Buffer.from([0xff, 0, 1, 2]);
  await at.done('files.write', { path: 'b.bin', content: bytes.toString('base64'), encoding: 'base64' });
  const read = await at.done('files.read', { path: 'b.bin' });
  assert.deepEqual([read.base64, read.text], [bytes.toString('base64'), undefined]);
  await assert.rejects(at.call('files.write', { path: 'c.bin', content: 'no!', encoding: 'base64' }), {
    code: 'GH-TOOLS-062',
  });
});

test('a file that is too large is neither read nor replaced', async () => {
  const tool = shippedTool('files.read');
  assert.ok(tool.connector.kind === 'files');
  const small = { ...tool, connector: { ...tool.connector, maxBytes: 10 } };
  writeFileSync(join(at.root, 'large.txt'), 'x'.repeat(11));
  const call = {
    attempt: 'a',
    tool: small,
    args: { path: 'large.txt' },
    signal: AbortSignal.timeout(1000),
    secret: undefined,
    caller: {} as never,
  };
  await assert.rejects(at.connector.run(call), { code: 'GH-TOOLS-064' });
});

test('a dry run shows what is there and what will be, and changes nothing', async () => {
  const path = 'card.txt';
  const dryRun = createFilesDryRun(at.folders);
  const look = (name: string, args: Record<string, unknown>) =>
    dryRun.run({
      attempt: 'prv_1',
      tool: shippedTool(name),
      args,
      caller: { principal: 'p' },
      secret: undefined,
    });
  const values = async (name: string, args: Record<string, unknown>): Promise<string[]> => {
    const found = await look(name, args);
    return 'facts' in found ? found.facts.map(({ label, value }) => `${label}: ${value}`) : [found.missing];
  };
  assert.deepEqual(await values('files.write', { path: `new/${path}`, content: 'abc' }), [
    'Now: no such file',
    `After: 3 bytes, SHA-256 ${hashOf('abc').slice(0, 16)}`,
  ]);
  assert.equal(existsSync(join(at.root, 'new')), false);
  assert.deepEqual(await values('files.delete', { path, sha256: hashOf('x') }), [`There is no ${path}.`]);
  await at.done('files.write', { path, content: 'abc' });
  assert.deepEqual(await values('files.delete', { path, sha256: hashOf('abc') }), [
    `Now: 3 bytes, SHA-256 ${hashOf('abc').slice(0, 16)}`,
  ]);
});

test('without a folder the tools say what to set', async () => {
  const bare = createFilesConnector({ filesDir: undefined, reserved: [] });
  const call = {
    attempt: 'a',
    tool: shippedTool('files.list'),
    args: {},
    signal: AbortSignal.timeout(1000),
    secret: undefined,
    caller: {} as never,
  };
  await assert.rejects(bare.run(call), { code: 'GH-TOOLS-060', next: /GATEHOUSE_FILES_DIR/ });
});
