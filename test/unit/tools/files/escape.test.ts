import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { createFilesConnector } from '../../../../gateway/tools/connectors/files/index.ts';
import { readContent } from '../../../../gateway/tools/connectors/files/content.ts';
import { besides } from '../../../../gateway/tools/connectors/files/lock.ts';
import { callOf, hashOf, shared, shippedTool, type Shared } from './support.ts';

let at: Shared;
before(() => {
  at = shared();
});
after(() => at.close());

const untouched = (): void => {
  assert.deepEqual(readdirSync(at.outside), ['secret.txt']);
  assert.equal(readFileSync(join(at.outside, 'secret.txt'), 'utf8'), 'SECRET');
};

test('attack: links to files and folders outside lead nowhere', async () => {
  symlinkSync(join(at.outside, 'secret.txt'), join(at.root, 'file-link'));
  symlinkSync(at.outside, join(at.root, 'folder-link'));
  symlinkSync('../outside', join(at.root, 'relative-link'));
  symlinkSync('/proc/self/root/etc', join(at.root, 'proc-link'));
  for (const path of [
    'file-link',
    'folder-link/secret.txt',
    'relative-link/secret.txt',
    'proc-link/passwd',
  ]) {
    await assert.rejects(at.call('files.read', { path }), { code: 'GH-TOOLS-063' }, path);
    for (const replaces of [undefined, hashOf('SECRET')])
      await assert.rejects(
        at.call('files.write', { path, content: 'x', ...(replaces ? { replaces } : {}) }),
        path,
      );
    await assert.rejects(at.call('files.delete', { path, sha256: hashOf('SECRET') }), path);
  }
  await assert.rejects(at.call('files.write', { path: 'folder-link/new.txt', content: 'x' }));
  await assert.rejects(at.call('files.list', { folder: 'folder-link' }), { code: 'GH-TOOLS-063' });
  const listed = await at.done('files.list', {});
  assert.deepEqual(listed.entries, []);
  assert.equal(listed.hidden, 4);
  untouched();
});

test('attack: a hard link to a file outside shows nothing of it', async () => {
  linkSync(join(at.outside, 'secret.txt'), join(at.root, 'hard'));
  await assert.rejects(at.call('files.read', { path: 'hard' }), { code: 'GH-TOOLS-063' });
  await assert.rejects(at.call('files.delete', { path: 'hard', sha256: hashOf('SECRET') }));
  unlinkSync(join(at.root, 'hard'));
  untouched();
});

test('attack: pipes, sockets and folders are no files, and none of them holds a call up', async () => {
  execFileSync('mkfifo', [join(at.root, 'pipe')]);
  mkdirSync(join(at.root, 'folder'));
  const server = createServer().listen(join(at.root, 'socket'));
  for (const path of ['pipe', 'socket', 'folder']) {
    await assert.rejects(at.call('files.read', { path }), { code: 'GH-TOOLS-063' }, path);
    await assert.rejects(at.call('files.write', { path, content: 'x' }), path);
  }
  server.close();
});

test('attack: what lies in our own folder cannot be named', async () => {
  await at.done('files.write', { path: 'kept.txt', content: '1' });
  await at.done('files.write', { path: 'kept.txt', content: '2', replaces: hashOf('1') });
  const [place] = readdirSync(join(at.root, '.gatehouse'));
  for (const path of ['.gatehouse', `.gatehouse/${place}`, `.gatehouse/${place}/x`])
    await assert.rejects(at.call('files.list', { folder: path }), { code: 'GH-TOOLS-062' });
});

test('attack: a link in the place of our own folder takes no version outside', async () => {
  renameSync(join(at.root, '.gatehouse'), join(at.root, 'aside'));
  symlinkSync(at.outside, join(at.root, '.gatehouse'));
  await assert.rejects(at.call('files.write', { path: 'kept.txt', content: '3', replaces: hashOf('2') }));
  assert.equal(readFileSync(join(at.root, 'kept.txt'), 'utf8'), '2');
  unlinkSync(join(at.root, '.gatehouse'));
  renameSync(join(at.root, 'aside'), join(at.root, '.gatehouse'));
  untouched();
});

test('attack: a link in the place of the part that is written is not written through', async () => {
  const part = join(at.root, besides('fresh.txt').part);
  symlinkSync(join(at.outside, 'secret.txt'), part);
  await assert.rejects(at.call('files.write', { path: 'fresh.txt', content: 'x' }));
  unlinkSync(part);
  untouched();
});

/** Swaps a folder, or a file, with a link that leads outside, as fast as it can, in another thread. */
function swapping(kind: 'folder' | 'file'): { stop(): Promise<unknown> } {
  const code = `
    const { lstatSync, renameSync, rmSync, symlinkSync, mkdirSync, writeFileSync } = require('node:fs');
    const { workerData: { root, outside, kind } } = require('node:worker_threads');
    const real = root + '/.real-' + kind, link = root + '/.link-' + kind, name = root + '/swap-' + kind;
    if (kind === 'folder') { mkdirSync(real); writeFileSync(real + '/secret.txt', 'PLAIN'); symlinkSync(outside, link); }
    else { writeFileSync(real, 'PLAIN'); symlinkSync(outside + '/secret.txt', link); }
    for (;;) {
      try {
        renameSync(real, name); renameSync(name, real);
        renameSync(link, name); renameSync(name, link);
      } catch {
        // A write made a folder of this name meanwhile.
        try { if (lstatSync(name).isDirectory()) rmSync(name, { recursive: true }); } catch {}
      }
    }`;
  const worker = new Worker(code, { eval: true, workerData: { root: at.root, outside: at.outside, kind } });
  return { stop: () => worker.terminate() };
}

for (const kind of ['folder', 'file'] as const) {
  test(`attack: a ${kind} that is swapped with a link in a loop never leads outside`, async () => {
    const swap = swapping(kind);
    const path = kind === 'folder' ? 'swap-folder/secret.txt' : 'swap-file';
    const seen = new Set<string>();
    const end = Date.now() + 2500;
    try {
      for (let turn = 0; Date.now() < end; turn += 1) {
        const read = await at
          .call('files.read', { path })
          .catch((error: { code?: string }) => error.code ?? 'no code');
        seen.add(
          typeof read === 'string' ? read : String((read as { result: { text: string } }).result.text),
        );
        await at
          .call('files.write', {
            path: kind === 'folder' ? `swap-folder/new${turn % 3}.txt` : path,
            content: `w${turn}`,
          })
          .catch(() => null);
        await at.call('files.delete', { path, sha256: hashOf('SECRET') }).catch(() => null);
      }
    } finally {
      await swap.stop();
    }
    assert.ok(!seen.has('SECRET'), [...seen].join());
    // The loop met both: what is really there, and a link in its place.
    assert.ok(seen.has('PLAIN') || seen.size > 1, [...seen].join());
    untouched();
  });
}

test('attack: a file that becomes a link right after it was looked at is not followed', async () => {
  writeFileSync(join(at.root, 'looked.txt'), 'PLAIN');
  const paths = [join(at.root, 'looked.txt'), join(at.root, 'file-link')];
  const folder = { at: () => paths.shift() ?? '', handle: {} as never };
  await assert.rejects(readContent(folder, 'looked.txt', 100), { code: 'ELOOP' });
});

test('attack: a folder that is moved out of the root while it is walked is not worked in', async () => {
  const inner = join(at.root, 'moving');
  const away = join(at.outside, '..', 'moved');
  mkdirSync(inner);
  writeFileSync(join(inner, 'x.txt'), 'x');
  const code = `
    const { renameSync } = require('node:fs');
    const { workerData: [a, b] } = require('node:worker_threads');
    for (;;) { try { renameSync(a, b); } catch {} try { renameSync(b, a); } catch {} }`;
  const worker = new Worker(code, { eval: true, workerData: [inner, away] });
  const end = Date.now() + 800;
  const seen = new Set<string>();
  while (Date.now() < end) {
    const end = await at.call('files.read', { path: 'moving/x.txt' }).then(
      () => 'read',
      (error: { code?: string }) => error.code ?? 'other',
    );
    seen.add(end);
  }
  await worker.terminate();
  assert.ok(![...seen].includes('other'), [...seen].join());
  rmSync(away, { recursive: true, force: true });
});

test('attack: a root that holds, is or lies in a reserved folder is refused, also over a link', async () => {
  const reserved = join(at.outside, '..', 'policies');
  mkdirSync(join(reserved, 'tools'), { recursive: true });
  const link = join(at.outside, '..', 'innocent');
  symlinkSync(join(reserved, 'tools'), link);
  for (const filesDir of [
    reserved,
    join(reserved, 'tools'),
    join(reserved, '..'),
    '/',
    link,
    `${reserved}/tools/../`,
  ]) {
    const connector = createFilesConnector({ ...at.folders, filesDir });
    await assert.rejects(
      connector.run(callOf(shippedTool('files.list'), {}, 'a')),
      { code: 'GH-TOOLS-061' },
      filesDir,
    );
  }
  // A name that only begins like it is another folder.
  mkdirSync(`${reserved}-not`);
  const other = createFilesConnector({ ...at.folders, filesDir: `${reserved}-not` });
  assert.equal((await other.run(callOf(shippedTool('files.list'), {}, 'a'))).status, 'succeeded');
});
