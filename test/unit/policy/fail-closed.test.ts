import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PolicyInput } from '../../../gateway/policy/index.ts';
import { wasmEngine } from '../../../gateway/policy/engine.ts';
import { askPolicy, evaluationLimitMs } from '../../../gateway/policy/fail-closed.ts';
import { policiesDir } from './support.ts';

const input = {} as PolicyInput;
const still = (): number => 0;
const answering = (answer: unknown) => ({ name: 'test', evaluate: () => answer });
const allow = { effect: 'allow', reasons: [{ code: 'ok', text: 'Ok.' }], approvers: null };
const code = async (engine: Parameters<typeof askPolicy>[0], now = still): Promise<string | undefined> => {
  const verdict = await askPolicy(engine, input, now);
  assert.equal(verdict.effect, 'deny');
  return verdict.reasons[0]?.code;
};

test('a complete answer is believed', async () => {
  assert.deepEqual(await askPolicy(answering([{ result: allow }]), input, still), allow);
});

test('no rules loaded denies', async () => assert.equal(await code(null), 'policy_missing'));
test('an undefined result denies', async () => assert.equal(await code(answering([])), 'policy_undefined'));
test('an exception denies', async () => {
  const engine = {
    name: 'test',
    evaluate(): never {
      throw new Error('trap');
    },
  };
  assert.equal(await code(engine), 'policy_exception');
});
test('a binary without our entrypoint denies', async () => {
  const bytes = await readFile(join(policiesDir, 'policy.wasm'));
  // The entrypoint's name is data of the binary; the same length keeps it loadable.
  const other = Buffer.from(
    bytes.toString('latin1').replaceAll('gatehouse/decision', 'gatehouse/someother'.slice(0, 18)),
    'latin1',
  );
  assert.equal(await code(wasmEngine(other, {})), 'policy_no_entrypoint');
});
test('an answer that took too long denies', async () => {
  const times = [0, evaluationLimitMs + 1];
  assert.equal(await code(answering([{ result: allow }]), () => times.shift() ?? 0), 'policy_timeout');
});

const approve = { groups: ['a'], quorum: 1, excludeRequester: true };
const shapes: [string, unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a bare verdict', allow],
  ['two results', [{ result: allow }, { result: allow }]],
  ['true', [{ result: true }]],
  ['an unknown effect', [{ result: { ...allow, effect: 'ALLOW' } }]],
  ['no reasons', [{ result: { ...allow, reasons: [] } }]],
  ['reasons of another kind', [{ result: { ...allow, reasons: ['ok'] } }]],
  ['an extra key', [{ result: { ...allow, obligations: [] } }]],
  ['a missing key', [{ result: { effect: 'allow', reasons: allow.reasons } }]],
  ['an allow that names approvers', [{ result: { ...allow, approvers: approve } }]],
  ['an approve without approvers', [{ result: { ...allow, effect: 'approve' } }]],
  ...[{ groups: [] }, { quorum: 0 }, { quorum: 1.5 }, { excludeRequester: false }, { groups: [1] }].map(
    (change): [string, unknown] => [
      `approvers with ${JSON.stringify(change)}`,
      [{ result: { ...allow, effect: 'approve', approvers: { ...approve, ...change } } }],
    ],
  ),
];
for (const [name, answer] of shapes) {
  test(`an answer of an unknown shape denies: ${name}`, async () =>
    assert.equal(await code(answering(answer)), 'policy_bad_shape'));
}

test('no invented answer allows', async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything(), async (answer) => {
      assert.equal((await askPolicy(answering([answer]), input, still)).effect, 'deny');
    }),
  );
});

test('an engine that failed once starts afresh', async () => {
  const engine = wasmEngine(await readFile(join(policiesDir, 'policy.wasm')), {});
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  assert.equal(
    (await askPolicy(engine, cyclic as unknown as PolicyInput, still)).reasons[0]?.code,
    'policy_exception',
  );
  assert.equal((await askPolicy(engine, input, still)).reasons[0]?.code, 'actor_unknown');
});
