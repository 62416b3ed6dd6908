import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GatehouseError } from '../../config/index.ts';
import { repository } from './layout.ts';

const run = promisify(execFile);
const name = 'n8n-nodes-gatehouse';

/**
 * Builds and packs the nodes and unpacks the tarball where n8n looks for community packages, when their sources changed
 * since. The tarball is what a user installs; a link to the sources would resolve other copies of n8n's own parts.
 * @param userFolder n8n's user folder
 * @returns whether anything had to be done
 * @throws GatehouseError `GH-UP-024` when the build or the packing fails
 */
export async function installNodes(userFolder: string): Promise<boolean> {
  const place = join(userFolder, '.n8n/nodes/node_modules');
  const target = join(place, name);
  const stamp = join(target, '.sources');
  const hash = await sourcesHash();
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === hash) return false;
  const work = await mkdtemp(join(tmpdir(), 'gatehouse-pack-'));
  try {
    await run(process.execPath, [join(repository, 'scripts/build.mjs')], { cwd: repository });
    const tarball = await packNodes(work);
    await run('tar', ['-xzf', tarball, '-C', work]);
    await writeFile(join(work, 'package/.sources'), hash);
    await mkdir(place, { recursive: true });
    await rm(target, { recursive: true, force: true });
    await move(join(work, 'package'), target);
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    throw new GatehouseError('GH-UP-024', `The nodes could not be packed: ${(stderr || message).trim()}`, {
      status: 500,
      next: 'Correct what the build says; node scripts/build.mjs runs it alone.',
      cause,
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return true;
}

/** Packs the built nodes. @returns the tarball's path */
async function packNodes(folder: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: repository,
    shell: process.platform === 'win32',
  });
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  if (!packed) throw new Error('npm pack named no file');
  return join(folder, packed.filename);
}

/** The temporary folder may lie on another disk, where a rename is refused. */
async function move(from: string, to: string): Promise<void> {
  const beside = `${to}.${process.pid}`;
  await cp(from, beside, { recursive: true });
  await rename(beside, to);
}

async function sourcesHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const entry of ['package.json', 'scripts/build.mjs', 'README.md', 'LICENSE', 'nodes', 'credentials']) {
    await addTo(hash, entry);
  }
  return hash.digest('hex');
}

async function addTo(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  const full = join(repository, path);
  const entries = await readdir(full, { withFileTypes: true }).catch(() => undefined);
  if (!entries) {
    hash.update(`${path}\0`).update(await readFile(full).catch(() => ''));
    return;
  }
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1)))
    await addTo(hash, join(path, entry.name));
}
