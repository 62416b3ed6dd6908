import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseTool } from '../../../../gateway/catalogue/index.ts';
import { planRequest, writtenBody, type Planned } from '../../../../gateway/tools/connectors/rest/request.ts';

const tool = parseTool(
  'a.yaml',
  `name: things.put
title: x
description: x
risk: write
args:
  type: object
  properties:
    segment: { type: string, maxLength: 999 }
    path: { type: string, maxLength: 999 }
    term: { type: string, maxLength: 999 }
    header: { type: string, maxLength: 999 }
    text: { type: string, maxLength: 999 }
    any: { type: object }
  required: [segment, path, text]
  additionalProperties: false
kinds: { segment: selects, path: selects, term: content, header: content, text: content, any: content }
sentence: x
done: x
idempotencyKey: none
connector:
  kind: rest
  api: { title: Things, url: 'https://api.example.com/v1' }
  method: POST
  path: /things/{segment}/files/{+path}/end
  query: { fixed: yes please, term: '{term}' }
  headers: { x-header: '{header}' }
  body:
    text: '{text}'
    within: 'it says: {text}!'
    any: '{any}'
    list: ['{text}', '{term}']
    number: 1
`,
);
const plan = (args: Record<string, unknown>): Planned => {
  const { connector, api } = tool;
  assert.ok(connector.kind === 'rest' && api);
  const all = { segment: 's', path: 'a/b', text: 't', ...args };
  return planRequest(api, connector, { args: all, attempt: 'att_1' });
};
const refused = { code: 'GH-TOOLS-040' };

test('a request has its values in their places, and leaves out what the call does not say', () => {
  const { url, headers, content } = plan({});
  assert.equal(url.href, 'https://api.example.com/v1/things/s/files/a/b/end?fixed=yes+please');
  assert.equal(headers['x-header'], undefined);
  assert.deepEqual(content, { text: 't', within: 'it says: t!', list: ['t'], number: 1 });
});

describe('A value cannot leave its place', () => {
  const paths = ['..', '.', '', 'a/b', 'a\\b', '../x', 'a\nb', 'a\0b', '\ud800'];
  for (const value of paths) {
    test(`segment: ${JSON.stringify(value)}`, () => assert.throws(() => plan({ segment: value }), refused));
  }
  for (const value of ['../x', 'a/../../x', 'a//b', '/a', 'a/', 'a/./b', 'a\\..\\b', '..', '']) {
    test(`segments: ${JSON.stringify(value)}`, () => assert.throws(() => plan({ path: value }), refused));
  }
  for (const value of ['a\r\nx-admin: 1', 'a\nb', 'ä', '\0']) {
    test(`header: ${JSON.stringify(value)}`, () => assert.throws(() => plan({ header: value }), refused));
  }

  test('whatever a segment holds, it is one segment, and reads back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (value) => {
        let planned: Planned;
        try {
          planned = plan({ segment: value });
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'GH-TOOLS-040');
          return;
        }
        const parts = planned.url.pathname.split('/');
        assert.deepEqual([parts.length, parts[2], parts[4]], [8, 'things', 'files']);
        assert.equal(decodeURIComponent(parts[3] ?? ''), value);
        assert.deepEqual([planned.url.host, planned.url.hash], ['api.example.com', '']);
      }),
    );
  });

  test('whatever a query holds, it is one value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const { url } = plan({ term: value });
        assert.deepEqual(
          [...url.searchParams],
          [
            ['fixed', 'yes please'],
            ['term', value],
          ],
        );
        assert.equal(url.pathname, '/v1/things/s/files/a/b/end');
      }),
    );
  });

  test('whatever a text holds, it is one text of the JSON, and never another template', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.constantFrom('{any}', '{call.attempt}', '"},{"x":"', '{{'),
        ),
        (value) => {
          const body = JSON.parse(writtenBody(plan({ text: value })) ?? '') as Record<string, unknown>;
          assert.deepEqual(Object.keys(body), ['text', 'within', 'list', 'number']);
          assert.equal(body.text, value);
          assert.equal(body.within, `it says: ${value}!`);
        },
      ),
    );
  });

  test('an object keeps its type, and what programs call a prototype is one more key', () => {
    const any = JSON.parse('{"__proto__":{"admin":true},"n":1}') as object;
    const body = writtenBody(plan({ any })) ?? '';
    assert.match(body, /"any":\{"__proto__":\{"admin":true\},"n":1\}/);
    assert.equal(({} as { admin?: boolean }).admin, undefined);
  });
});
