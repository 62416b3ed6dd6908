import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { createSecretStore, rotateKey } from '../../../gateway/vault/index.ts';
import { dataFolder } from './support.ts';

const folder = dataFolder();
const vault = join(import.meta.dirname, '../../../gateway/vault/index.ts');

/** Runs a program against the store until it is killed, at once and without a word. @returns the lines that it said */
async function killed(program: string, afterMs: number): Promise<string[]> {
  const script = join(folder(), 'victim.mjs');
  await writeFile(script, `import * as vault from ${JSON.stringify(vault)};\n${program}`);
  const child = spawn(process.execPath, [script, folder()], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line));
  const gone = once(child, 'close');
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await wait(afterMs);
  child.kill('SIGKILL');
  await gone;
  return said;
}

test('a process that is killed in mid-write loses nothing that it said was stored', async () => {
  const writer = `
    const store = vault.createSecretStore({ dataDir: process.argv[2] });
    let last = Number((await store.get('counter')) ?? 0);
    for (;;) {
      last += 1;
      await store.set('counter', String(last).padStart(20000, '0'));
      process.stdout.write(last + '\\n');
    }`;
  let stored = 0;
  for (let round = 0; round < 6; round += 1) {
    const said = await killed(writer, 5 + Math.random() * 40);
    const known = Number(said.at(-1));
    const found = Number(await createSecretStore({ dataDir: folder() }).get('counter'));
    // The write under way may be there or not; what was said is.
    assert.ok(found === known || found === known + 1, `${found} after ${known} was said`);
    assert.ok(found > stored);
    stored = found;
  }
  // What the killed left behind is in nobody's way.
  await createSecretStore({ dataDir: folder() }).set('after', 'x');
  const left = (await readdir(folder())).filter((name) => name.endsWith('.lock'));
  assert.deepEqual(left, []);
});

test('a change of the key that is killed anywhere leaves a store that opens', async () => {
  const store = createSecretStore({ dataDir: folder() });
  for (const name of ['a', 'b', 'c']) await store.set(name, `value of ${name}`);
  const rotator = `
    process.stdout.write('go\\n');
    for (;;) await vault.rotateKey({ dataDir: process.argv[2] });`;
  for (let round = 0; round < 6; round += 1) {
    await killed(rotator, Math.random() * 60);
    const fresh = createSecretStore({ dataDir: folder() });
    for (const name of ['a', 'b', 'c']) {
      assert.equal(await fresh.get(name), `value of ${name}`);
      assert.equal(await store.get(name), `value of ${name}`, 'a gateway that runs all the time');
    }
    assert.equal(await rotateKey({ dataDir: folder() }), 'done');
  }
});
