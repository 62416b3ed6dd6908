import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildPolicy, findOpa } from '../../../gateway/policy/index.ts';
import { policiesDir } from './support.ts';

const opa = await findOpa();
const skip = opa === null && 'there is no OPA on this machine';

test('the rules build to the committed binary', { skip }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-build-'));
  await cp(policiesDir, folder, { recursive: true });
  const built = await buildPolicy(opa ?? '', folder);
  const committed = JSON.parse(await readFile(join(policiesDir, 'policy.wasm.json'), 'utf8')) as typeof built;
  assert.deepEqual(built.sources, committed.sources);
  if (built.opa === committed.opa) assert.equal(built.wasm, committed.wasm);
  await rm(folder, { recursive: true });
});

test('a broken rule is refused with file, line and reason, and the old binary stays', { skip }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-build-'));
  await cp(policiesDir, folder, { recursive: true });
  const before = await readFile(join(folder, 'policy.wasm'));
  await writeFile(join(folder, 'rego', 'broken.rego'), 'package gatehouse\n\ndenials contains x if {\n');
  await assert.rejects(buildPolicy(opa ?? '', folder), {
    code: 'GH-POLICY-010',
    message: /rego\/broken\.rego:\d+/,
  });
  assert.deepEqual(await readFile(join(folder, 'policy.wasm')), before);
  await rm(folder, { recursive: true });
});

test('an OPA that is not there is named', async () => {
  await assert.rejects(buildPolicy('/nowhere/opa', policiesDir), {
    code: 'GH-POLICY-010',
    message: /no OPA/,
  });
});
