import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Builds the flow guard's publish hook as one CommonJS file, which any n8n can load by EXTERNAL_HOOK_FILES.
 * Usage: node scripts/build-hook.mjs FILE
 */
const outfile = path.resolve(process.argv[2] ?? path.join(root, 'dist/flow-guard.cjs'));
await mkdir(path.dirname(outfile), { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: ['gateway/workflows/publish-hook.ts'],
  outfile,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
  // In files of which nothing is left in the bundle.
  logOverride: { 'empty-import-meta': 'silent' },
});
