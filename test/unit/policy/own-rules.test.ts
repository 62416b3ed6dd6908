import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { loadEngine } from '../../../gateway/policy/engine.ts';
import { askPolicy } from '../../../gateway/policy/fail-closed.ts';
import {
  buildPolicy,
  findOpa,
  readPolicyData,
  type Effect,
  type PolicyInput,
  type Verdict,
} from '../../../gateway/policy/index.ts';
import { withOwn } from '../../../gateway/policy/own-rules.ts';
import { inputOf, policiesDir } from './support.ts';

const opa = (await findOpa()) ?? '';
const skip = opa === '' && 'there is no OPA on this machine';
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-own-'));
  await cp(policiesDir, folder, { recursive: true });
  await mkdir(join(folder, 'local'), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true }));

const own = (rules: string, name = 'mine.rego'): Promise<void> =>
  writeFile(join(folder, 'local', name), rules);
const member = inputOf();
const ask = async (input: Partial<PolicyInput> = {}): Promise<Verdict> => {
  const { data } = await readPolicyData(folder, new Date('2026-11-02'));
  const { engine } = await loadEngine(folder, data);
  return askPolicy(engine, { ...member, ...input }, () => 0);
};
const codes = ({ effect, reasons }: Verdict): unknown => [effect, ...reasons.map(({ code }) => code).sort()];

const refused: [says: string, rules: string, message: RegExp][] = [
  [
    'the shipped package',
    'package gatehouse\n\npermissions contains 1 if true\n',
    /local\/mine\.rego:1: package gatehouse is not one of local\//,
  ],
  ['a package below it', 'package gatehouse.more\n\nx := 1\n', /mine\.rego:1/],
  ['the bare package local', 'package local\n\nx := 1\n', /mine\.rego:1: package local is not/],
  ['the package that is generated', 'package local_rules\n\nx := 1\n', /mine\.rego:1/],
  ['a package that only looks like it', 'package lоcal.a\n\nx := 1\n'.replace('о', '_'), /mine\.rego:1/],
  [
    'permissions',
    'package local.a\n\n# A gift.\npermissions contains 1 if true\n',
    /mine\.rego:4: .*permit nothing/,
  ],
  [
    'a read of the shipped rules',
    'package local.a\n\nx := data.gatehouse.decision\n',
    /mine\.rego:3: data\.gatehouse/,
  ],
  [
    'an import of the shipped rules',
    'package local.a\n\nimport data.gatehouse as g\n\nx := g.decision\n',
    /mine\.rego:3/,
  ],
  ['the shipped rules in brackets', 'package local.a\n\nx := data["gatehouse"].decision\n', /mine\.rego:3/],
  [
    'a computed name',
    'package local.a\n\nx := data[concat("", ["gate", "house"])]\n',
    /mine\.rego:3: .*computed/,
  ],
  [
    'data as a whole',
    'package local.a\n\nx := [v | walk(data, v)]\n',
    /mine\.rego:3: data is read as a whole/,
  ],
  [
    'a replaced rule',
    'package local.a\n\nx if y with data.gatehouse.denials as set()\n\ny := 1\n',
    /mine\.rego:3/,
  ],
];
for (const [says, rules, message] of refused) {
  test(`the build refuses in local/: ${says}`, { skip }, async () => {
    const before = await readFile(join(folder, 'policy.wasm'));
    await own(rules);
    await assert.rejects(buildPolicy(opa, folder), { code: 'GH-POLICY-014', message });
    assert.deepEqual(await readFile(join(folder, 'policy.wasm')), before);
    assert.equal(existsSync(join(folder, 'local.wasm')), false);
  });
}

test(
  'the build refuses a package of local/ among the rules that ship, and a read of it',
  { skip },
  async () => {
    const stray = join(folder, 'rego', 'stray.rego');
    for (const rules of ['package local.a\n\nx := 1\n', 'package gatehouse\n\nx := data.local.a.x\n']) {
      await writeFile(stray, rules);
      await assert.rejects(buildPolicy(opa, folder), {
        code: 'GH-POLICY-014',
        message: /rego\/stray\.rego:[13]/,
      });
    }
  },
);

test('a built-in that no engine has is named with file, line and what to use', { skip }, async () => {
  await own('package local.a\n\nx := time.now_ns()\n\ny := http.send({})\n\nz := sprintf("%d", [1])\n');
  await assert.rejects(buildPolicy(opa, folder), (error: Error & { code: string }) => {
    assert.equal(error.code, 'GH-POLICY-015');
    assert.match(error.message, /local\/mine\.rego:3: time\.now_ns is not available.*input\.now/);
    assert.match(error.message, /local\/mine\.rego:5: http\.send is not available/);
    assert.match(error.message, /local\/mine\.rego:7: sprintf is not available.*concat/);
    return true;
  });
});

test('so is a single one', { skip }, async () => {
  await own('package local.a\n\nx := time.now_ns()\n');
  await assert.rejects(buildPolicy(opa, folder), {
    code: 'GH-POLICY-015',
    message: /local\/mine\.rego:3: time\.now_ns is not available.*input\.now/,
  });
});

test('a rule that does not parse is refused in words, and not in JSON', { skip }, async () => {
  await own('package local.a\n\ndenials contain {"code": "a", "text": "A."} if {\n\ttrue\n}\n');
  await assert.rejects(buildPolicy(opa, folder), {
    code: 'GH-POLICY-010',
    message: /^OPA refuses the rules:\n.*local\/mine\.rego:3: rego_parse_error/,
  });
});

test('own rules add reasons, and the stricter effect wins', { skip }, async () => {
  await own(`package local.office

denials contains {"code": "never", "text": "Never."} if input.args.a == "deny"

approvals contains {"code": "ask_others", "text": "Ask others."} if input.args.b == "approve"

confirmations contains {"code": "ask_me", "text": "Ask me."} if input.args.c == "confirm"
`);
  await own(
    'package local.night\n\ndenials contains {"code": "dark", "text": "Dark."} if input.args.d == "deny"\n',
    'night.rego',
  );
  await writeFile(join(folder, 'approvals.yaml'), 'classes:\n  read: { groups: [auditors], quorum: 1 }\n');
  await buildPolicy(opa, folder);
  assert.deepEqual(codes(await ask()), ['allow', 'read_allowed']);
  assert.deepEqual(codes(await ask({ args: { c: 'confirm' } })), ['confirm', 'ask_me']);
  const asked = await ask({ args: { b: 'approve', c: 'confirm' } });
  assert.deepEqual(codes(asked), ['approve', 'ask_me', 'ask_others']);
  assert.deepEqual(asked.approvers, { groups: ['auditors'], quorum: 1, excludeRequester: true });
  assert.deepEqual(codes(await ask({ args: { a: 'deny', b: 'approve', d: 'deny' } })), [
    'deny',
    'dark',
    'never',
  ]);
  const stranger = { ...member.actor, standing: 'unknown' as const };
  assert.deepEqual(codes(await ask({ args: { d: 'deny' }, actor: stranger })), [
    'deny',
    'actor_unknown',
    'dark',
  ]);
  // Nobody approves a write: the class is not in approvals.yaml.
  const write = { ...inputOf().tool, name: 'crm.note', risk: 'write' };
  assert.deepEqual(codes(await ask({ args: { b: 'approve' }, tool: write })), ['deny', 'nobody_to_ask']);
});

test('own rules that fail, or answer in another shape, deny', { skip }, async () => {
  const failing: [rules: string, code: string][] = [
    // Two values for one rule are an error in every engine.
    [
      'package local.a\n\nx := 1 if true\n\nx := 2 if input.args\n\ndenials contains {"code": "c", "text": "T."} if x == 3\n',
      'own_rules_failed',
    ],
    ['package local.a\n\ndenials contains "no" if true\n', 'own_rules_bad_shape'],
    [
      'package local.a\n\napprovals contains {"code": "c", "text": "T.", "quorum": 0} if true\n',
      'own_rules_bad_shape',
    ],
    ['package local.a\n\nconfirmations contains {"code": "", "text": "T."} if true\n', 'own_rules_bad_shape'],
  ];
  for (const [rules, code] of failing) {
    await own(rules);
    await buildPolicy(opa, folder);
    assert.deepEqual(codes(await ask()), ['deny', code]);
  }
});

test('own rules that were changed, added or taken away after the build do not start', { skip }, async () => {
  await own('package local.a\n\ndenials contains {"code": "c", "text": "T."} if false\n');
  await assert.rejects(ask(), { code: 'GH-POLICY-001', message: /local\.wasm/ });
  await buildPolicy(opa, folder);
  assert.deepEqual(codes(await ask()), ['allow', 'read_allowed']);
  await own('package local.a\n\ndenials contains {"code": "c", "text": "T."} if true\n');
  await assert.rejects(ask(), { code: 'GH-POLICY-002', message: /local\/mine\.rego:3 was changed/ });
  await buildPolicy(opa, folder);
  assert.deepEqual(codes(await ask()), ['deny', 'c']);
  await writeFile(join(folder, 'local.wasm'), await readFile(join(folder, 'policy.wasm')));
  await assert.rejects(ask(), { code: 'GH-POLICY-002', message: /local\.wasm is not the file/ });
  await rm(join(folder, 'local', 'mine.rego'));
  await assert.rejects(ask(), { code: 'GH-POLICY-002', message: /rules are gone/ });
  await buildPolicy(opa, folder);
  assert.equal(existsSync(join(folder, 'local.wasm')), false);
  assert.deepEqual(codes(await ask()), ['allow', 'read_allowed']);
});

const order: readonly Effect[] = ['allow', 'confirm', 'approve', 'deny'];
const reason = fc.record({ code: fc.constantFrom('a', 'b', 'c'), text: fc.constantFrom('One.', 'Two.') });
const list = fc.array(reason, { maxLength: 2 });
const approvers = { groups: ['g'], quorum: 1, excludeRequester: true };

test('whatever own rules say, the effect is at least as strict as what ships, and every reason of it is given', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...order),
      fc.array(reason, { minLength: 1, maxLength: 2 }),
      fc.record({ denials: list, approvals: list, confirmations: list }),
      fc.option(fc.constant(approvers)),
      (effect, reasons, own, asks) => {
        const shipped: Verdict = { effect, reasons, approvers: effect === 'approve' ? approvers : null };
        const united = withOwn(shipped, own, asks);
        assert.ok(order.indexOf(united.effect) >= order.indexOf(effect));
        assert.equal(united.approvers === null, united.effect !== 'approve');
        assert.ok(united.reasons.length > 0);
        if (own.denials.length > 0) assert.equal(united.effect, 'deny');
        const wanted = united.effect === 'deny' ? own.denials : [...own.approvals, ...own.confirmations];
        if (united.reasons[0]?.code !== 'nobody_to_ask')
          for (const { code, text } of wanted)
            assert.ok(united.reasons.some((given) => given.code === code && given.text === text));
        if (united.effect === effect && effect !== 'allow')
          for (const { code } of reasons) assert.ok(united.reasons.some((given) => given.code === code));
      },
    ),
  );
});
