import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repository } from '../../../gateway/cli/up/index.ts';

interface Locked {
  os?: string[];
  cpu?: string[];
  optional?: boolean;
}

for (const lockfile of [
  'package-lock.json',
  'docker/n8n/package-lock.json',
  'docker/models/package-lock.json',
]) {
  test(`${lockfile} installs on every platform, also with an npm older than 11`, () => {
    const { packages } = JSON.parse(readFileSync(join(repository, lockfile), 'utf8')) as {
      packages: Record<string, Locked>;
    };
    // npm 11 leaves out what is extraneous before it looks at the platform; npm 8 to 10 refuse the whole lockfile.
    const refused = Object.entries(packages).filter(([, { os, cpu, optional }]) => (os ?? cpu) && !optional);
    assert.deepEqual(
      refused.map(([path]) => path),
      [],
    );
  });
}
