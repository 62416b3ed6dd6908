import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadCatalogue, parseTool } from '../../../gateway/catalogue/index.ts';
import {
  countRecipients,
  destinationsOf,
  isUndoable,
  reachesNobody,
  sameTarget,
} from '../../../gateway/policy/destinations.ts';
import { policiesDir } from './support.ts';

const mail = parseTool(
  'mail.send.yaml',
  `name: mail.send
title: Mail
description: Sends a mail.
risk: outbound
args:
  type: object
  properties:
    to: { type: array, items: { type: string, maxLength: 200 } }
    cc: { type: string, maxLength: 2000 }
    folder: { type: string, maxLength: 20 }
    text: { type: string, maxLength: 2000 }
  required: [to]
  additionalProperties: false
kinds: { to: redirects, cc: redirects, folder: selects, text: content }
sentence: Mail {to}
done: Mailed.
idempotencyKey: none
connector: { kind: gatehouse, action: help }
`,
);
const http = loadCatalogue(policiesDir).get('http.request');
assert.ok(http);

test('each place that a call goes to is a recipient, and each address in one text', () => {
  const counts = [
    [{ to: ['a@x.example'] }, 1],
    [{ to: ['a@x.example', 'b@x.example'], cc: 'c@x.example' }, 3],
    [{ to: ['a@x.example, b@x.example'], cc: 'c@x.example;d@x.example' }, 4],
    [{ to: ['the-team', 'another-team'] }, 2],
    [{ to: [], text: 'a@x.example b@x.example' }, 0],
    [{}, 0],
  ] as const;
  for (const [args, count] of counts) assert.equal(countRecipients(mail, args), count, JSON.stringify(args));
});

test('a choice of the catalogue is no destination', () => {
  const found = destinationsOf(http, { method: 'DELETE', url: 'https://a.example/' });
  assert.deepEqual(
    found.map(({ argument }) => argument),
    ['url'],
  );
});

test('a digest tells values and arguments apart, and shows neither', () => {
  const [one, two] = destinationsOf(mail, { to: ['a@x.example'], cc: 'a@x.example' });
  assert.notEqual(one?.digest, two?.digest);
  assert.match(one?.digest ?? '', /^sha256:[0-9a-f]{64}$/);
});

test('a call is the same again with one target less, one more, or written otherwise', () => {
  const rejected = { to: ['a@x.example', 'b@x.example'] };
  for (const to of [['a@x.example'], ['B@X.example'], [' a@x.example', 'c@x.example'], ['ａ@x.example']])
    assert.ok(sameTarget(mail, rejected, { to, text: 'another text' }), to.join());
  assert.ok(!sameTarget(mail, rejected, { to: ['c@x.example'] }));
  const inFolder = { to: ['a@x.example'], folder: 'inbox' };
  assert.ok(!sameTarget(mail, inFolder, { to: ['a@x.example'], folder: 'archive' }));
});

test('a call with a rejected target added is always the same again', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ minLength: 1 }), { minLength: 1 }),
      fc.array(fc.string()),
      (before, more) => {
        const [first = ''] = before;
        assert.ok(sameTarget(mail, { to: before }, { to: [...more, first] }));
      },
    ),
  );
});

const entry = parseTool(
  'calendar.create.yaml',
  `name: calendar.create
title: Event
description: Makes an event.
risk: outbound
args:
  type: object
  properties:
    title: { type: string, maxLength: 200 }
    guests: { type: array, items: { type: string, maxLength: 200 } }
    audience: { type: string, enum: [all, staff] }
  additionalProperties: false
kinds: { title: content, guests: redirects, audience: redirects }
reaches: [guests, audience]
undo: { by: Delete the event., unless: { audience: [all] } }
sentence: Make {title}
done: Made.
idempotencyKey: none
connector: { kind: gatehouse, action: help }
`,
);

test('a call reaches nobody only where its tool says who it could reach, and it names none of them', () => {
  assert.equal(reachesNobody(entry, { title: 'Focus' }), true);
  assert.equal(reachesNobody(entry, { title: 'Focus', guests: [] }), true);
  assert.equal(reachesNobody(entry, { guests: ['a@x.example'] }), false);
  assert.equal(reachesNobody(entry, { guests: [''] }), false);
  assert.equal(reachesNobody(entry, { audience: 'staff' }), false);
  assert.equal(reachesNobody(mail, { text: 'hello' }), false);
});

test('a call is taken back where its tool says how, and not with a choice that nothing takes back', () => {
  assert.equal(isUndoable(entry, {}), true);
  assert.equal(isUndoable(entry, { audience: 'staff' }), true);
  assert.equal(isUndoable(entry, { audience: 'all' }), false);
  assert.equal(isUndoable(mail, {}), false);
});
