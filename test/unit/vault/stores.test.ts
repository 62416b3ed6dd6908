import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { createLogger } from '../../../gateway/config/index.ts';
import { openSecrets, readRoutes, type Secrets } from '../../../gateway/vault/index.ts';
import { canary, dataFolder } from './support.ts';

const folder = dataFolder();
const at = (name: string): string => join(folder(), name);

/** Opens the stores of this `secrets.yaml`. @returns them, and what was logged */
async function opened(
  yaml: string,
  options: { production?: boolean; variables?: NodeJS.ProcessEnv } = {},
): Promise<{ secrets: Secrets; logged: () => string }> {
  await writeFile(at('secrets.yaml'), yaml);
  let lines = '';
  const to = new Writable({
    write(chunk, _encoding, done) {
      lines += String(chunk);
      done();
    },
  });
  const secrets = await openSecrets({
    dataDir: folder(),
    policiesDir: folder(),
    production: false,
    log: createLogger('info', 'test', to),
    ...options,
  });
  return { secrets, logged: () => lines };
}

const files = (): string => `
stores:
  mounted: { kind: folder, path: ${at('run')} }
secrets:
  - { names: mail/, store: mounted }
  - { names: mail/password, store: mounted, file: SMTP_PASSWORD }
`;

test('a table says which store holds a secret, and the rest stays in the own one', async () => {
  await mkdir(at('run'));
  await writeFile(at('run/SMTP_PASSWORD'), `${canary}\n`);
  await writeFile(at('run/mail-imap-password'), 'imap');
  const { secrets } = await opened(files());
  assert.equal(await secrets.get('mail/password'), canary);
  assert.equal(await secrets.get('mail/imap/password'), 'imap');
  assert.equal(await secrets.get('mail/absent'), undefined);
  await secrets.set('mailer/token', 'own');
  assert.equal(await secrets.get('mailer/token'), 'own');
  await assert.rejects(secrets.set('mail/password', 'x'), { code: 'GH-VAULT-016' });
  await assert.rejects(secrets.remove('mail/password'), { code: 'GH-VAULT-016' });
  const listed = await secrets.overview(['mail/imap/password', 'mail/absent', 'mailer/token']);
  assert.deepEqual(
    listed.map(({ name, store, info }) => [name, store, info !== null]),
    [
      ['mail/absent', 'mounted', false],
      ['mail/imap/password', 'mounted', true],
      ['mail/password', 'mounted', true],
      ['mailer/token', 'file', true],
    ],
  );
  assert.ok(!JSON.stringify(listed).includes(canary));
});

test('secret files that the platform replaces are used at once, and a folder that is gone is no absence', async () => {
  // As Kubernetes does it: the names are links into a folder that is replaced whole.
  for (const [version, value] of [
    ['v1', 'old'],
    ['v2', 'new'],
  ] as const) {
    await mkdir(at(version));
    await writeFile(join(at(version), 'mail-token'), value);
  }
  await mkdir(at('run'));
  await symlink(at('v1'), at('run/..data'));
  await symlink('..data/mail-token', at('run/mail-token'));
  const { secrets } = await opened(files());
  assert.equal(await secrets.get('mail/token'), 'old');
  await symlink(at('v2'), at('run/..next'));
  await rename(at('run/..next'), at('run/..data'));
  assert.equal(await secrets.get('mail/token'), 'new');
  await rename(at('run'), at('away'));
  await assert.rejects(secrets.get('mail/token'), { code: 'GH-VAULT-013' });
  assert.match(String((await secrets.check())[0]?.problem), /cannot be reached/);
  await rename(at('away'), at('run'));
  assert.equal(await secrets.get('mail/token'), 'new');
  await rm(at('run/mail-token'));
  await mkdir(at('run/mail-token'));
  await assert.rejects(secrets.get('mail/token'), { code: 'GH-VAULT-022' });
});

const variables = `
stores:
  shell: { kind: environment }
secrets:
  - { names: mail/, store: shell }
`;

test('variables are for development, which is said loudly, and refused in production', async () => {
  const { secrets, logged } = await opened(variables, { variables: { SECRET_MAIL_API_TOKEN: canary } });
  assert.equal(await secrets.get('mail/api-token'), canary);
  assert.equal(await secrets.get('mail/other'), undefined);
  assert.match(logged(), /"level":40.*for development only, never for real ones/);
  assert.ok(!logged().includes(canary));
  await assert.rejects(opened(variables, { production: true }), { code: 'GH-VAULT-021' });
});

const vault = `
  corp: { kind: vault, address: 'http://127.0.0.1:8200', appRole: { roleId: r } }
  mounted: { kind: folder, path: /run/secrets }`;
const wrong: [string, string, RegExp][] = [
  ['a store that is not declared', '- { names: a/b, store: other }', /is not declared under stores/],
  ['the gateway’s own names', '- { names: gateway/, store: mounted }', /stays in its own store/],
  ['the names of stores', '- { names: stores/corp/secret-id, store: mounted }', /stays in its own store/],
  [
    'a name that stands twice',
    '- { names: a, store: corp }\n  - { names: a, store: mounted }',
    /stands twice/,
  ],
  ['a field of a folder', '- { names: a, store: mounted, field: x }', /is for a vault/],
  ['a file of a vault', '- { names: a, store: corp, file: x }', /is for a folder/],
  ['a file that leaves its folder', '- { names: a, store: mounted, file: ../x }', /Invalid string/],
  [
    'a path that leaves its mount',
    '- { names: a, store: corp, path: ../sys }',
    /is not a path below a mount/,
  ],
  ['a role without what it becomes', '- { names: a, store: corp, role: r }', /belong together/],
  [
    'a role for several names',
    "- { names: a/, store: corp, role: r, url: 'x://{username}:{password}@h' }",
    /one secret/,
  ],
  ['a prefix that runs into the name', '- { names: a/, store: corp, path: b }', /has to end with/],
  ['neither a store nor a rotation', '- { names: a }', /store: is missing/],
  [
    'a rotation of several names',
    '- { names: a/, rotate: { every: 30d, by: { kind: webhook-signing } } }',
    /one secret/,
  ],
  [
    'a rotation of what is made for each call',
    "- { names: a, store: corp, role: r, url: 'x://{username}:{password}@h', rotate: { every: 30d, by: { kind: vault } } }",
    /not for a role/,
  ],
  ['a time that is none', '- { names: a, rotate: { every: 30 days, by: { kind: webhook-signing } } }', /30d/],
  [
    'a program that the search path finds',
    '- { names: a, rotate: { every: 30d, by: { kind: command, make: [make-one] } } }',
    /absolute path/,
  ],
  ['a key that does not exist', '- { names: a, store: corp, token: x }', /token/],
];
for (const [what, entry, said] of wrong) {
  test(`a table is refused with file and line: ${what}`, async () => {
    await writeFile(at('secrets.yaml'), `stores:${vault}\nsecrets:\n  ${entry}\n`);
    await assert.rejects(readRoutes(folder()), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'GH-VAULT-017');
      assert.match(error.message, said);
      assert.match(error.message, /secrets\.yaml:\d+: /);
      return true;
    });
  });
}

test('the longest entry that fits decides', async () => {
  await writeFile(
    at('secrets.yaml'),
    `stores:${vault}\nsecrets:\n  - { names: a/, store: corp }\n  - { names: a/b/, store: mounted }\n  - { names: a/b/c, store: corp }\n`,
  );
  const routes = await readRoutes(folder());
  const of = (name: string): string | undefined => routes.of(name)?.store;
  assert.deepEqual(['a/x', 'a/b/x', 'a/b/c', 'a/b/c/d', 'a', 'ab/x'].map(of), [
    'corp',
    'mounted',
    'corp',
    'mounted',
    undefined,
    undefined,
  ]);
});
