import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import Ajv2020 from 'ajv/dist/2020.js';
import standaloneCode from 'ajv/dist/standalone/index.js';
import addFormats from 'ajv-formats';
import { build } from 'esbuild';
import { envelopeJsonSchema } from '../gateway/envelope/index.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Builds what the n8n package ships: each node and credential as one CommonJS file with its icons and codex beside it.
 * @param {string} outdir folder that is emptied and filled
 */
export async function buildPackage(outdir = path.join(root, 'dist')) {
  const manifest = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
  const shipped = [...manifest.n8n.nodes, ...manifest.n8n.credentials].map((file) =>
    path.relative('dist', file),
  );
  await rm(outdir, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: shipped.map((file) => file.replace(/\.js$/, '.ts')),
    outbase: '.',
    outdir,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    external: ['n8n-workflow'],
    plugins: [envelopeValidator],
    logLevel: 'warning',
  });
  for (const file of shipped) await copyBeside(path.dirname(file), outdir);
}

/** Icons and codex files are read by n8n from beside the node. */
async function copyBeside(folder, outdir) {
  await mkdir(path.join(outdir, folder), { recursive: true });
  await cp(path.join(root, folder), path.join(outdir, folder), {
    recursive: true,
    filter: (source) => !/\.(ts|js)$/.test(source),
  });
}

/**
 * Gives the nodes the envelope's validator, generated from the published JSON Schema: zod itself cannot be bundled into a
 * node, n8n's lint refuses what it uses. It exists only in the build; nodes/shared/envelope-validator.d.ts says its type.
 */
const envelopeValidator = {
  name: 'envelope-validator',
  setup(bundler) {
    bundler.onResolve({ filter: /\/envelope-validator$/ }, () => ({
      path: 'envelope',
      namespace: 'validator',
    }));
    bundler.onLoad({ filter: /.*/, namespace: 'validator' }, () => {
      const ajv = new Ajv2020.default({ code: { source: true, esm: true } });
      addFormats.default(ajv, ['date-time']);
      const validate = ajv.compile(envelopeJsonSchema());
      const contents = standaloneCode.default(ajv, { validateEnvelope: validate.schema.$id });
      return { contents, resolveDir: root };
    });
  },
};

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPackage();
