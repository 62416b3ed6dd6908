import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultLine, toolPage } from '../../../gateway/catalogue/index.ts';
import { parseTool, readTool } from '../../../gateway/catalogue/parse.ts';

const file = (more: string): string => `name: docs.share
title: Share
description: Gives access.
risk: access
args:
  type: object
  properties:
    person: { type: string, maxLength: 80 }
    group: { type: string, maxLength: 80, default: all }
    right: { type: string, enum: [view, edit] }
  additionalProperties: false
kinds: { person: redirects, group: redirects, right: sizes }
sentence: Share
done: Shared.
idempotencyKey: none
connector: { kind: gatehouse, action: help }
${more}
`;

function faultsOf(more: string): string[] {
  const read = readTool('a.yaml', file(more));
  return 'faults' in read ? read.faults.map(faultLine) : [];
}

const rows: [string, string, RegExp | null][] = [
  ['words of a choice', 'says: { right: { view: [see, look] } }', null],
  [
    'words of what is no choice',
    'says: { right: { own: [owner] } }',
    /`own` is no choice of `right`. Name one of view, edit\./,
  ],
  [
    'words of a free argument',
    'says: { person: { bob: [robert] } }',
    /no choice of `person`. Give the argument an enum\./,
  ],
  [
    'a word for two choices',
    'says: { right: { view: [see], edit: [See] } }',
    /`See` would mean "view" as well/,
  ],
  ['a word that is another choice', 'says: { right: { view: [Edit] } }', /`Edit` would mean "edit" as well/],
  ['an argument that there is not', 'says: { role: { view: [see] } }', /there is no argument `role`/],
  ['a recipient left out of reaches', 'reaches: [group]', /`person` redirects as well/],
  ['a recipient with a default', 'reaches: [person, group]', /`group` has a value when nobody names one/],
  ['what is no recipient', 'reaches: [person, group, right]', /`right` does not redirect/],
  ['an undo', 'undo: { by: Stop sharing it., unless: { right: [edit] } }', null],
  [
    'an undo of what there is not',
    'undo: { by: Stop sharing it., unless: { role: [edit] } }',
    /there is no argument `role`/,
  ],
];
for (const [what, more, fault] of rows) {
  test(`a tool file with ${what} is ${fault ? 'refused' : 'good'}`, () => {
    const faults = faultsOf(more);
    if (fault) assert.match(faults.join('\n'), fault);
    else assert.deepEqual(faults, []);
  });
}

test('the page of a tool says how a call is taken back, and what people say for a choice', () => {
  const says = 'says: { right: { view: [see, look] } }';
  const page = toolPage(
    parseTool('a.yaml', file(`${says}\nundo: { by: Stop it., unless: { right: [edit] } }`)),
    'Others.',
  );
  assert.match(page, /## How it is taken back\n\nStop it\. Not with `right` edit\./);
  assert.match(page, /- `right` "view" is also said as: see, look/);
  assert.doesNotMatch(toolPage(parseTool('a.yaml', file('')), 'Others.'), /taken back|also said/);
});
