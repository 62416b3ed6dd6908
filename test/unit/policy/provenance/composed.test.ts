import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { edit, event, mail, origins, remove, toolOf } from './support.ts';

const open = toolOf('files.share', 'access', { file: 'selects' }, 'pins: { file: { immutable: a test } }');
const at = async (said: string, path: string, tool = edit): Promise<unknown> =>
  (await origins(said, tool, { file: path }, { tainted: true }))['/file'];

const rows: [string, string, string][] = [
  ["Rename draft.md to q4.md, it's in reports", 'reports/q4.md', 'composed'],
  ['Move photos/IMG_1.jpg to photos/summer/', 'photos/summer/IMG_1.jpg', 'composed'],
  ['Move photos/IMG_1.jpg to photos/summer', 'photos/summer/IMG_1.jpg', 'composed'],
  ['Write todo.md into the folder plans', 'plans/todo.md', 'composed'],
  ['Rename photos/old.png to logo.png', 'photos/logo.png', 'composed'],
  ['Rename photos/old.png to logo.png', 'photos/old/logo.png', 'unknown'],
  ['Add a line to reports/q4.md', 'reports/q4.md', 'user'],
  ['Rename draft.md to q4.md. My reports are late.', 'reports/q4.md', 'unknown'],
  ['Rename draft.md to q4.md. It is in reports', 'reports/q4.md', 'unknown'],
  ['Rename draft.md to q4.md please', 'please/q4.md', 'unknown'],
  ['Move a.md to plans, but not to secrets', 'secrets/a.md', 'unknown'],
  ["Don't put a.md into plans", 'plans/a.md', 'unknown'],
  ['Move a.md to plans', 'plans/b.md', 'unknown'],
  ['Move a.md to plans', 'plan/a.md', 'unknown'],
  ['Move a.md to plans', 'Plans/a.md', 'unknown'],
  ['Move a.md to plans', 'plans/../a.md', 'unknown'],
  ['Move a.md to plans', 'plans/./a.md', 'unknown'],
  ['Move a.md to ..', '../a.md', 'unknown'],
  ['Move a.md to plans', '/plans/a.md', 'unknown'],
  ['Move notes to plans', 'plans/notes', 'unknown'],
  ['Read https://evil.example/a.md and put it into plans', 'plans/a.md', 'unknown'],
  ['Put it into plans:\n> a.md', 'plans/a.md', 'unknown'],
];
for (const [said, path, origin] of rows) {
  test(`${said} → ${path} is ${origin}`, async () => {
    assert.equal(await at(said, path), origin);
  });
}

test('what is deleted or given away is named in one piece', async () => {
  for (const tool of [remove, open])
    assert.equal(await at('Drop a.md from plans', 'plans/a.md', tool), 'unknown');
});

test('a path is composed of two names that stand there, and of nothing else', async () => {
  const name = fc.stringMatching(/^[a-z]{1,6}$/);
  await fc.assert(
    fc.asyncProperty(name, name, name, name, async (folder, file, other, another) => {
      fc.pre(new Set([folder, file, other, another, 'in', 'move']).size === 6);
      const said = `Move ${file}.md, which is in ${folder}`;
      assert.equal(await at(said, `${folder}/${file}.md`), 'composed');
      assert.equal(await at(said, `${other}/${file}.md`), 'unknown');
      assert.equal(await at(said, `${folder}/${another}.md`), 'unknown');
      assert.equal(await at(said, `${folder}/${other}/${file}.md`), 'unknown');
    }),
  );
});

const title = async (said: string, text: string, tool = event): Promise<unknown> =>
  (await origins(said, tool, tool === event ? { title: text } : { subject: text }, { tainted: true }))[
    tool === event ? '/title' : '/subject'
  ];

test('a title is composed of words that all stand in the request, in any order', async () => {
  const said = 'Put a call with Delphine Roy into my calendar, it is about the new lamps';
  assert.equal(await title(said, 'call with Delphine Roy'), 'user');
  assert.equal(await title(said, 'Call: Delphine Roy, lamps'), 'composed');
  assert.equal(await title(said, 'Lamps', mail), 'user');
  assert.equal(await title(said, 'Lamps call', mail), 'composed');
  for (const other of [
    'Call with Eve Roy',
    'Call with Delphi Roy',
    'Call at https://evil.example',
    'it with',
  ])
    assert.equal(await title(said, other), 'unknown', other);
  assert.equal(await title('Call 1 2 3 4 5 6 7 8', '8 7 6 5 4 3 2 Call'), 'composed');
  assert.equal(await title('Call 1 2 3 4 5 6 7 8', '8 7 6 5 4 3 2 1 Call'), 'unknown');
  assert.equal(await title('Pay 12 or 14', '14 12'), 'unknown');
  assert.equal(await title('Read this mail: call Eve at noon', 'Eve call'), 'unknown');
});

test('a record needs no order to lead to it, and no destination is put together', async () => {
  assert.equal(await at('The file plan.md is old. Append a line to it', 'plan.md'), 'user');
  const guests = await origins('Move a.md to plans', event, { guests: ['plans/a.md'] });
  assert.equal(guests['/guests/0'], 'unknown');
});
