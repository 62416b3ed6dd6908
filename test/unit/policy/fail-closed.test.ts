import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PolicyInput } from '../../../gateway/policy/index.ts';
import { wasmEngine } from '../../../gateway/policy/engine.ts';
import { askPolicy, EngineFault, evaluationLimitMs } from '../../../gateway/policy/fail-closed.ts';
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
  ['a reason without a code', [{ result: { ...allow, reasons: [{ code: '', text: 'Ok.' }] } }]],
  ['a reason without words', [{ result: { ...allow, reasons: [{ code: 'ok', text: '' }] } }]],
  ['a reason whose words are none', [{ result: { ...allow, reasons: [{ code: 'ok', text: 1 }] } }]],
  ['a reason with more in it', [{ result: { ...allow, reasons: [{ code: 'ok', text: 'Ok.', more: 1 }] } }]],
  ['one good reason and one bad', [{ result: { ...allow, reasons: [...allow.reasons, null] } }]],
  ['another key', [{ verdict: allow }]],
  ['an array', [{ result: [allow] }]],
  ['an extra key', [{ result: { ...allow, obligations: [] } }]],
  ['a missing key', [{ result: { effect: 'allow', reasons: allow.reasons } }]],
  ['an allow that names approvers', [{ result: { ...allow, approvers: approve } }]],
  ['an approve without approvers', [{ result: { ...allow, effect: 'approve' } }]],
  ...[
    { groups: [] },
    { quorum: 0 },
    { quorum: 1.5 },
    { excludeRequester: false },
    { groups: [1] },
    { groups: ['a', ''] },
    { groups: 'a' },
    { more: 1 },
  ].map((change): [string, unknown] => [
    `approvers with ${JSON.stringify(change)}`,
    [{ result: { ...allow, effect: 'approve', approvers: { ...approve, ...change } } }],
  ]),
];
for (const [name, answer] of shapes) {
  test(`an answer of an unknown shape denies: ${name}`, async () =>
    assert.equal(await code(answering(answer)), 'policy_bad_shape'));
}

test('where no other clock is given, it is the one of the process', async () => {
  const slow = {
    name: 'slow',
    evaluate() {
      const until = performance.now() + evaluationLimitMs + 1;
      while (performance.now() < until);
      return [{ result: allow }];
    },
  };
  assert.equal((await askPolicy(slow, input)).reasons[0]?.code, 'policy_timeout');
});

test('an answer is believed up to the limit of its time', async () => {
  const times = [1000, 1000 + evaluationLimitMs];
  const verdict = await askPolicy(answering([{ result: allow }]), input, () => times.shift() ?? 0);
  assert.equal(verdict.effect, 'allow');
});

test('every effect that the rules know is taken over as it is, and who approves with it', async () => {
  for (const verdict of [
    allow,
    { ...allow, effect: 'confirm' },
    { ...allow, effect: 'deny' },
    { ...allow, effect: 'approve', approvers: { ...approve, groups: ['a', 'b'], quorum: 2 } },
  ])
    assert.deepEqual(await askPolicy(answering([{ result: verdict }]), input, still), verdict);
});

test('an engine that knows why it has no answer says so, and the denial names it', async () => {
  const engine = {
    name: 'test',
    evaluate(): never {
      throw new EngineFault('policy_unreachable', { cause: new Error('refused') });
    },
  };
  const verdict = await askPolicy(engine, input, still);
  assert.deepEqual(verdict, {
    effect: 'deny',
    reasons: [{ code: 'policy_unreachable', text: 'OPA cannot be reached, so nothing is allowed.' }],
    approvers: null,
  });
});

const none = { denials: [], approvals: [], confirmations: [] };
const reason = { code: 'own', text: 'Own.' };
/** What an engine answers that also evaluates the rules of the installation. */
const united = (change: object, result: object = allow) => ({
  ...answering([{ result, own: none, approvers: null, ...change }]),
  own: true,
});

test('where own rules are part of the engine, they tighten, and never loosen', async () => {
  const effect = async (change: object, result?: object): Promise<string> =>
    (await askPolicy(united(change, result), input, still)).effect;
  assert.equal(await effect({}), 'allow');
  assert.equal(await effect({ own: { ...none, denials: [reason] } }), 'deny');
  assert.equal(await effect({ own: { ...none, confirmations: [reason] } }), 'confirm');
  assert.equal(await effect({ own: { ...none, approvals: [reason] }, approvers: approve }), 'approve');
  assert.equal(await effect({ own: { ...none, approvals: [reason] } }), 'deny');
  assert.equal(
    await effect({ own: { ...none, approvals: [reason] }, approvers: { ...approve, quorum: 0 } }),
    'deny',
  );
  assert.equal(
    await effect({ own: { ...none, confirmations: [reason] } }, { ...allow, effect: 'deny' }),
    'deny',
  );
});

const incomplete: [string, unknown, string][] = [
  ['no own part', { own: undefined }, 'own_rules_bad_shape'],
  ['an own part of another kind', { own: [] }, 'own_rules_bad_shape'],
  ['an own part that misses a list', { own: { denials: [], approvals: [] } }, 'own_rules_bad_shape'],
  ['denials that are none', { own: { ...none, denials: null } }, 'own_rules_bad_shape'],
  ['denials without words', { own: { ...none, denials: [{ code: 'x', text: '' }] } }, 'own_rules_bad_shape'],
  ['approvals of another kind', { own: { ...none, approvals: ['x'] } }, 'own_rules_bad_shape'],
  ['confirmations of another kind', { own: { ...none, confirmations: {} } }, 'own_rules_bad_shape'],
  ['a shipped part that is none', { result: true }, 'policy_bad_shape'],
  ['one thing more', { more: 1 }, 'policy_bad_shape'],
];
for (const [what, change, expected] of incomplete) {
  test(`an engine with own rules is not believed with ${what}`, async () =>
    assert.equal(await code(united(change as object)), expected));
}

test('an engine with own rules is not believed without them, or with two answers', async () => {
  const whole = { result: allow, own: none, approvers: null };
  for (const answer of [[{ result: allow }], [whole, whole], whole, 'allow'])
    assert.equal(await code({ ...answering(answer), own: true }), 'policy_bad_shape');
});

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
