import assert from 'node:assert/strict';
import { test } from 'node:test';
import { functionsOf, historyOf } from '../../../gateway/inference/history.ts';
import { grammarSchema } from '../../../gateway/inference/schema.ts';

const refused = (code: string) => (error: unknown) => (error as { code?: string }).code === code;

test('an object that names no properties may have any, and anyOf is taken', () => {
  assert.deepEqual(grammarSchema({ type: 'object' }), { type: 'object', additionalProperties: true });
  const named = { type: 'object', properties: { a: { anyOf: [{ type: 'null' }, { type: 'string' }] } } };
  assert.deepEqual(grammarSchema(named), {
    type: 'object',
    properties: { a: { oneOf: [{ type: 'null' }, { type: 'string' }] } },
  });
});

test('a schema is refused that a grammar would let more through than', () => {
  const nested = { type: 'object', properties: { a: { type: 'array', items: { not: { type: 'string' } } } } };
  assert.throws(() => grammarSchema(nested), refused('GH-INFER-004'));
  assert.throws(() => grammarSchema({ $ref: 'https://example.com/schema' }), refused('GH-INFER-004'));
  let deep: Record<string, unknown> = { type: 'string' };
  for (let level = 0; level < 40; level += 1) deep = { type: 'array', items: deep };
  assert.throws(() => grammarSchema(deep), refused('GH-INFER-004'));
});

const call = { id: 'c1', function: { name: 'weather', arguments: '{"town":"Berlin"}' } };
const asked = { role: 'user' as const, content: 'hi' };

test('results go to the call that they answer, and the model goes on in its own turn', () => {
  const history = historyOf([
    asked,
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'c1', content: 'sun' },
  ]);
  assert.deepEqual(history, [
    { type: 'user', text: 'hi' },
    {
      type: 'model',
      response: [{ type: 'functionCall', name: 'weather', params: { town: 'Berlin' }, result: 'sun' }],
    },
  ]);
});

test('a result without its call, and a call without its result, are refused', () => {
  assert.throws(
    () => historyOf([asked, { role: 'tool', tool_call_id: 'c1', content: 'sun' }]),
    refused('GH-INFER-003'),
  );
  const made = { role: 'assistant' as const, content: null, tool_calls: [call] };
  assert.throws(() => historyOf([asked, made]), refused('GH-INFER-003'));
  assert.throws(() => historyOf([asked, made, asked]), refused('GH-INFER-003'));
});

test('no tool is offered where the caller wants none called', () => {
  const tools = [{ type: 'function' as const, function: { name: 'weather' } }];
  assert.deepEqual(functionsOf({ messages: [asked], tools }), { weather: {} });
  assert.equal(functionsOf({ messages: [asked], tools, tool_choice: 'none' }), undefined);
});
