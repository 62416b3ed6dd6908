import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostTokens, parseTool, usedTokens, type Tool } from '../../../gateway/catalogue/index.ts';

const body = (fields: object, required: string[] = Object.keys(fields)): object => ({
  type: 'object',
  properties: fields,
  required,
  additionalProperties: false,
});
const bounded = { type: 'integer', minimum: 1, maximum: 4096 };

function model(tokens: object, fields: object = { max_tokens: bounded }, required?: string[]): Tool {
  return parseTool(
    'model.yaml',
    JSON.stringify({
      name: 'model.chat',
      title: 'Model',
      description: 'Asks a model.',
      risk: 'unclassified',
      args: body({ body: body(fields, required) }),
      kinds: { body: 'content' },
      tokens,
      sentence: 'x',
      done: 'x',
      idempotencyKey: 'none',
      egress: { hosts: ['api.example.com'] },
      connector: { kind: 'http' },
    }),
  );
}
const good = model({ most: '/body/max_tokens', used: '/usage/total_tokens' });

test('what a call may use stands where the pointer leads, and nowhere else', () => {
  assert.equal(mostTokens(good, { body: { max_tokens: 700 } }), 700);
  for (const args of [{}, { body: {} }, { max_tokens: 7 }, { body: { max_tokens: '7' } }, { body: null }])
    assert.equal(mostTokens(good, args), null);
});

const answers: [string, unknown, number | null][] = [
  ['a number', { body: '{"usage":{"total_tokens":42}}' }, 42],
  ['nothing', { body: '{}' }, null],
  ['no JSON', { body: 'overloaded' }, null],
  ['a JSON that was cut', { body: '{"usage":{"total_tok', truncated: true }, null],
  ['a number as text', { body: '{"usage":{"total_tokens":"42"}}' }, null],
  ['less than nothing', { body: '{"usage":{"total_tokens":-9}}' }, null],
  ['none, which is no measurement', { body: '{"usage":{"total_tokens":0}}' }, null],
  ['half of one', { body: '{"usage":{"total_tokens":1.5}}' }, null],
  ['more than can be counted', { body: '{"usage":{"total_tokens":1e300}}' }, null],
  ['an inherited field', { body: '{"usage":[]}' }, null],
  ['no answer', undefined, null],
];
for (const [name, result, used] of answers) {
  test(`an answer that says ${name} means ${used ?? 'that nobody knows'}`, () => {
    assert.equal(usedTokens(good, result), used);
  });
}

test('a tool that names no tokens uses none', () => {
  const plain = { ...good, tokens: undefined };
  assert.equal(mostTokens(plain, { body: { max_tokens: 7 } }), null);
  assert.equal(usedTokens(plain, { body: '{"usage":{"total_tokens":42}}' }), null);
});

const faults: [string, () => unknown][] = [
  ['an argument that there is none of', () => model({ most: '/body/maxTokens', used: '/x' })],
  [
    'one that may be left out',
    () => model({ most: '/body/max_tokens', used: '/x' }, { max_tokens: bounded }, []),
  ],
  [
    'one without a maximum',
    () => model({ most: '/body/max_tokens', used: '/x' }, { max_tokens: { type: 'integer' } }),
  ],
  ['a text', () => model({ most: '/body/a', used: '/x' }, { a: { type: 'string', maxLength: 9 } })],
];
for (const [name, make] of faults) {
  test(`a bound that is ${name} is refused by file, line and remedy`, () => {
    assert.throws(make, /model\.yaml:1: tokens\.most: does not lead to a required integer with a maximum\. /);
  });
}

test('what is no JSON Pointer is refused', () => {
  assert.throws(() => model({ most: 'body.max_tokens', used: '/x' }), /tokens\.most/);
  assert.throws(() => model({ most: '/body/max_tokens', used: '/a~2' }), /tokens\.used/);
});
