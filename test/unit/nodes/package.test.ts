import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { config as cloudConfig } from '@n8n/node-cli/eslint';
import { ESLint } from 'eslint';
import { buildPackage } from '../../../scripts/build.mjs';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const require = createRequire(import.meta.url);

interface Scanner {
  analyzePackage: (folder: string) => Promise<{ passed: boolean; message?: string; details?: string }>;
}

/**
 * n8n's scanner, run from a copy inside this repository: its own folder brings a TypeScript that its parser cannot use,
 * and its command takes only names that are published.
 */
async function scanner(work: string): Promise<Scanner> {
  const source = path.dirname(require.resolve('@n8n/scan-community-package/package.json'));
  await cp(path.join(source, 'scanner'), path.join(work, 'scanner'), { recursive: true });
  return (await import(path.join(work, 'scanner/scanner.mjs'))) as Scanner;
}

describe('The package as npm packs it', () => {
  let work = '';
  let folder = '';
  let files: string[] = [];
  before(async () => {
    await mkdir(path.join(root, 'node_modules/.cache'), { recursive: true });
    work = await mkdtemp(path.join(root, 'node_modules/.cache/gatehouse-package-'));
    // Packed from a copy, because another test may be building into dist at the same time.
    const source = path.join(work, 'source');
    await buildPackage(path.join(source, 'dist'));
    for (const file of ['package.json', 'README.md', 'LICENSE']) {
      await cp(path.join(root, file), path.join(source, file)).catch(() => undefined);
    }
    const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], {
      cwd: source,
    });
    const [packed] = JSON.parse(stdout) as Array<{ filename: string }>;
    await run('tar', ['-xzf', path.join(work, packed?.filename ?? ''), '-C', work]);
    folder = path.join(work, 'package');
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
  });
  after(() => rm(work, { recursive: true, force: true }));

  it('holds the built nodes with icons and codex, and nothing of the gateway', async () => {
    const manifest = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as {
      n8n: { nodes: string[]; credentials: string[] };
      dependencies?: object;
      peerDependencies: object;
    };
    assert.equal(manifest.dependencies, undefined);
    assert.deepEqual(manifest.peerDependencies, { 'n8n-workflow': '*' });
    for (const node of manifest.n8n.nodes) {
      assert.ok(files.includes(node), node);
      assert.ok(files.includes(node.replace(/\.js$/, '.json')), `codex of ${node}`);
      const code = await readFile(path.join(folder, node), 'utf8');
      const icons = [...code.matchAll(/"file:([^"]+\.svg)"/g)].map(([, icon]) =>
        path.join(path.dirname(node), icon ?? ''),
      );
      assert.equal(icons.length, 2);
      for (const icon of icons) assert.ok(files.includes(icon), icon);
      const required = [...code.matchAll(/(?<!')require\("([^"]+)"\)/g)].map(([, name]) => name);
      assert.deepEqual(
        required.filter((name) => name !== 'n8n-workflow' && name !== 'node:crypto'),
        [],
        node,
      );
    }
    for (const credential of manifest.n8n.credentials) assert.ok(files.includes(credential), credential);
    assert.deepEqual(
      files.filter((file) => !/^(dist\/|package\.json$|README\.md$|LICENSE$)/.test(file)),
      [],
    );
    assert.deepEqual(
      files.filter((file) => /\.(ts|map)$/.test(file)),
      [],
    );
  });

  it('passes n8n’s scanner', { timeout: 120_000 }, async () => {
    const { analyzePackage } = await scanner(work);
    const result = await analyzePackage(folder);
    assert.equal(result.passed, true, `${result.message ?? ''}\n${result.details ?? ''}`);
  });

  it('passes n8n’s lint for cloud', { timeout: 120_000 }, async () => {
    const eslint = new ESLint({
      cwd: folder,
      overrideConfigFile: true,
      overrideConfig: cloudConfig as never,
    });
    const results = await eslint.lintFiles(['package.json']);
    assert.deepEqual(
      results.flatMap(({ messages }) => messages),
      [],
    );
  });
});
