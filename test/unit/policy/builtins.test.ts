import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { builtins, unlike } from '../../../gateway/policy/builtins/index.ts';
import { compile } from '../../../gateway/policy/build.ts';
import { supportedCapabilities } from '../../../gateway/policy/capabilities.ts';
import { loadPolicySync } from '../../../gateway/policy/engine.ts';
import { findOpa } from '../../../gateway/policy/index.ts';

const opa = (await findOpa()) ?? '';
const skip = opa === '' && 'there is no OPA on this machine';
const arity: Record<string, number> = {
  'base64.encode': 1,
  'glob.match': 3,
  'regex.find_all_string_submatch_n': 3,
  'regex.match': 2,
  'strings.replace_n': 2,
  concat: 2,
  contains: 2,
  endswith: 2,
  lower: 1,
  round: 1,
  split: 2,
  startswith: 2,
  substring: 3,
  trim: 2,
  trim_space: 1,
  upper: 1,
  'net.cidr_contains': 2,
  'net.cidr_intersects': 2,
  'net.cidr_is_valid': 1,
  'regex.replace': 3,
  'semver.compare': 2,
  'semver.is_valid': 1,
  'strings.any_prefix_match': 2,
  'strings.any_suffix_match': 2,
  'time.add_date': 4,
  'time.clock': 1,
  'time.date': 1,
  'time.diff': 2,
  'time.parse_duration_ns': 1,
  'time.parse_rfc3339_ns': 1,
  'time.weekday': 1,
};

let folder: string;
let wasm: Buffer;
before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-builtins-'));
  const rules = Object.entries(arity).map(([name, count]) => {
    const args = Array.from({ length: count }, (_, index) => `call.args[${index}]`).join(', ');
    // As text: numbers of nanoseconds are longer than JavaScript's.
    return `answers[i] := json.marshal(${name}(${args})) if {\n\tsome i, call in input.calls\n\tcall.name == "${name}"\n}`;
  });
  await writeFile(join(folder, 'conform.rego'), ['package conform', ...rules, ''].join('\n\n'));
  const capabilities = join(folder, 'capabilities.json');
  const supported = await supportedCapabilities(opa);
  const marshal = {
    name: 'json.marshal',
    decl: { type: 'function', args: [{ type: 'any' }], result: { type: 'string' } },
  };
  await writeFile(capabilities, JSON.stringify({ ...supported, builtins: [...supported.builtins, marshal] }));
  wasm = await compile(opa, folder, {
    files: ['conform.rego'],
    entrypoints: ['conform/answers'],
    capabilities,
    work: folder,
  });
});
after(() => (skip ? undefined : rm(folder, { recursive: true })));

type Args = unknown[];

/** Asks both engines, in one go each; a call without an answer is undefined there. */
async function compare(name: string, calls: Args[]): Promise<void> {
  const input = { calls: calls.map((args) => ({ name, args })) };
  const file = join(folder, 'input.json');
  await writeFile(file, JSON.stringify(input));
  const printed = execFileSync(
    opa,
    ['eval', '-d', 'conform.rego', '-i', file, '-f', 'raw', 'data.conform.answers'],
    { cwd: folder, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  const theirs = JSON.parse(printed) as Record<string, string>;
  const [answer] = loadPolicySync(wasm, {}, builtins).evaluate(input, 'conform/answers') as {
    result: Record<string, string>;
  }[];
  const ours = answer?.result ?? {};
  const differ = calls.flatMap((args, index) =>
    sameJson(ours[index], theirs[index])
      ? []
      : [{ args: JSON.stringify(args), ours: ours[index], opa: theirs[index] }],
  );
  assert.deepEqual(differ.slice(0, 10), [], `${differ.length} of ${calls.length} answers of ${name} differ`);
  const defined = Object.keys(theirs).length;
  assert.ok(defined > calls.length / 10, `OPA answered only ${defined} of ${calls.length}`);
}

/** Texts, also those in lists, are compared as what they say; numbers as they are written. */
function sameJson(one: string | undefined, other: string | undefined): boolean {
  if (one === other || one === undefined || other === undefined) return one === other;
  return /^["[]/.test(one) && isDeepStrictEqual(JSON.parse(one), JSON.parse(other));
}

const seed = 20261101;
const sample = (arbitrary: fc.Arbitrary<Args>): Args[] => fc.sample(arbitrary, { numRuns: 1500, seed });

const anything = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.constant([]),
  fc.constant({}),
);
/** Mostly what is right, at times anything. */
const mostly = (...good: fc.Arbitrary<unknown>[]): fc.Arbitrary<unknown> =>
  fc.oneof(...good.map((arbitrary) => ({ arbitrary, weight: 10 })), { arbitrary: anything, weight: 1 });
/** One character that is cut, doubled or replaced. */
const damaged = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(
      text,
      fc.nat(40),
      fc.constantFrom('', '0', '1', '-', '+', '.', ' ', 'Z', 'T', 'z', ':', 'v', '9', ','),
    )
    .map(([value, at, mark]) => value.slice(0, at) + mark + value.slice(at + 1));

const two = (value: number): string => String(value).padStart(2, '0');
const rfc3339 = fc
  .tuple(
    fc.integer({ min: 1600, max: 2300 }),
    fc.integer({ min: 0, max: 13 }),
    fc.integer({ min: 0, max: 32 }),
    fc.tuple(
      fc.integer({ min: 0, max: 24 }),
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 0, max: 60 }),
    ),
    fc.constantFrom('', '.5', '.123456789', '.1234567891', ',25', '.'),
    fc.oneof(
      fc.constant('Z'),
      fc
        .tuple(fc.constantFrom('+', '-'), fc.integer({ min: 0, max: 26 }), fc.integer({ min: 0, max: 61 }))
        .map(([sign, hours, minutes]) => `${sign}${two(hours)}:${two(minutes)}`),
    ),
  )
  .map(
    ([year, month, day, [hour, minute, second], fraction, zone]) =>
      `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${fraction}${zone}`,
  );
// Whole microseconds: what is finer is lost on the way into JavaScript.
const ns = fc
  .bigInt({ min: -4_600_000_000_000_000n, max: 4_600_000_000_000_000n })
  .map((microseconds) => Number(microseconds) * 1000);
const recent = fc.integer({ min: 0, max: 4_102_444_800 }).map((seconds) => seconds * 1e9);
const zones = fc.constantFrom(
  'UTC',
  '',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'America/St_Johns',
  'Asia/Kathmandu',
  'US/Eastern',
  'Etc/GMT+5',
  'europe/berlin',
  'Mars/Base',
  'GMT',
  '+01:00',
);
const moment = mostly(
  recent,
  fc.oneof(recent, fc.integer({ min: -1e6, max: 1e6 })),
  fc.tuple(recent, zones),
  ns,
);
const step = fc.integer({ min: -40, max: 40 });
const octet = fc.integer({ min: 0, max: 300 }).map(String);
const v4 = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const lowV4 = fc
  .tuple(fc.constantFrom('10', '192'), fc.constantFrom('0', '168'), octet, octet)
  .map((parts) => parts.join('.'));
const cidr = fc
  .tuple(fc.oneof(v4, lowV4, fc.ipV6()), fc.integer({ min: 0, max: 140 }))
  .map(([ip, bits]) => `${ip}/${bits}`);
const version = fc
  .tuple(
    fc.constantFrom('', '', '', '', '', '', 'v', 'V', ' '),
    fc.oneof(
      { arbitrary: fc.array(fc.nat(2), { minLength: 3, maxLength: 3 }), weight: 5 },
      {
        arbitrary: fc.array(fc.oneof(fc.nat(3000), fc.constant('01')), { minLength: 2, maxLength: 4 }),
        weight: 1,
      },
    ),
    fc.constantFrom('', '', '-1', '-rc.1', '-rc.2', '-rc.10', '-alpha', '-01', '-a..b', '-x-y'),
    fc.constantFrom('', '', '', '', '', '+b', '+1.2', '+', '+é'),
  )
  .map(([prefix, numbers, pre, meta]) => `${prefix}${numbers.join('.')}${pre}${meta}`);
const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '/', 'é', '😀'), maxLength: 6 });
const words = fc.oneof(word, fc.array(word, { maxLength: 4 }));
const patterns = fc.constantFrom(
  'a',
  'a*',
  '',
  '(a)(b)?',
  '(?P<first>a)(?P<second>.)',
  'b|c',
  '^.',
  '.$',
  '[^a]',
  '(',
  '\\s+',
  '(?i)A',
  'a{2,}',
  '\\b',
  '(?=a)',
  '(?<n>a)',
  '\\pL',
  '.',
  '(?s).',
  '(a)|b',
  '😀',
);
const templates = fc.constantFrom(
  '',
  'x',
  '$1',
  '${1}',
  '$1x',
  '${1}x',
  '$0$0',
  '$first',
  '${second}-',
  '$$',
  '$',
  '$9',
  '${',
  '${1',
  '$01',
  '$-',
  'a\\1',
  '$é',
  '${n}',
);

const text = fc.oneof(word, fc.string({ maxLength: 12 }));
// A group is named (?P<n>…) in both; the shorter form is new to OPA, and docs/policy.md says so.
const oldPatterns = patterns.filter((pattern) => !pattern.startsWith('(?<'));
/** Part of the compiled rules: nothing of ours, and yet they have to answer as OPA does. */
const native: Record<string, fc.Arbitrary<Args>> = {
  'base64.encode': fc.tuple(mostly(text)),
  'glob.match': fc.tuple(
    fc.constantFrom('*', 'a*', '**', 'a.*', '{a,b}', '[a-c]', '?', '*.b', 'a**b', '[!a]'),
    mostly(fc.constantFrom(null, [], ['.'], ['/'], ['.', '/'])),
    mostly(word),
  ),
  'regex.find_all_string_submatch_n': fc.tuple(mostly(oldPatterns), mostly(word), fc.constantFrom(-1, 1, 2)),
  'regex.match': fc.tuple(mostly(oldPatterns), mostly(text)),
  'strings.replace_n': fc.tuple(mostly(fc.dictionary(word, word, { maxKeys: 1 })), mostly(text)),
  concat: fc.tuple(mostly(word), mostly(fc.array(text, { maxLength: 3 }))),
  contains: fc.tuple(mostly(text), mostly(text)),
  endswith: fc.tuple(mostly(text), mostly(text)),
  lower: fc.tuple(mostly(word)),
  round: fc.tuple(mostly(fc.constantFrom(0.5, -0.5, 1.5, 2.5, -3.2, 7))),
  split: fc.tuple(mostly(text), mostly(word)),
  startswith: fc.tuple(mostly(text), mostly(text)),
  substring: fc.tuple(
    mostly(text),
    mostly(fc.integer({ min: -2, max: 9 })),
    mostly(fc.integer({ min: -2, max: 9 })),
  ),
  trim: fc.tuple(mostly(text), mostly(word)),
  trim_space: fc.tuple(mostly(word)),
  upper: fc.tuple(mostly(word)),
};

const generators: Record<string, fc.Arbitrary<Args>> = {
  ...native,
  'net.cidr_contains': fc.tuple(cidr, fc.oneof(cidr, lowV4, v4, fc.ipV6())),
  'net.cidr_intersects': fc.tuple(cidr, cidr),
  'net.cidr_is_valid': fc.tuple(mostly(cidr, damaged(cidr))),
  'regex.replace': fc.tuple(mostly(word, fc.string()), mostly(patterns), mostly(templates)),
  'semver.compare': fc.tuple(mostly(version), mostly(version)),
  'semver.is_valid': fc.tuple(mostly(version, damaged(version))),
  'strings.any_prefix_match': fc.tuple(mostly(words), mostly(words)),
  'strings.any_suffix_match': fc.tuple(mostly(words), mostly(words)),
  'time.add_date': fc.tuple(moment, mostly(step), mostly(step), mostly(step)),
  'time.clock': fc.tuple(moment),
  'time.date': fc.tuple(moment),
  'time.diff': fc.tuple(moment, moment),
  'time.parse_duration_ns': fc.tuple(
    mostly(
      fc
        .tuple(
          fc.constantFrom('', '', '-', '+'),
          fc.array(
            fc.tuple(
              fc.constantFrom('1', '0', '90', '1.5', '.5', '2.', '0.123456789', '1000000', '.', '3.14159'),
              fc.constantFrom('ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h', 'd', 'w', 'y', 'x', ''),
            ),
            { minLength: 1, maxLength: 3 },
          ),
        )
        .map(([sign, parts]) => sign + parts.map((part) => part.join('')).join('')),
      fc.constantFrom(
        '',
        '0',
        '-0',
        '+',
        '9223372036854775807ns',
        '9223372036854775808ns',
        '-9223372036854775808ns',
        '300y',
      ),
    ),
  ),
  'time.parse_rfc3339_ns': fc.tuple(mostly(rfc3339, damaged(rfc3339))),
  'time.weekday': fc.tuple(moment),
};

test('every built-in of ours is compared with OPA itself', () => {
  assert.deepEqual(
    Object.keys(builtins).filter((name) => !Object.hasOwn(generators, name)),
    [],
  );
});

test('a built-in that answers otherwise than OPA does is in no rule', { skip }, async () => {
  const names = new Set((await supportedCapabilities(opa)).builtins.map(({ name }) => name));
  for (const name of unlike) assert.equal(names.has(name), false, name);
});

for (const [name, arbitrary] of Object.entries(generators)) {
  test(`${name} answers as OPA does, and is undefined where it is`, { skip }, () =>
    compare(name, sample(arbitrary)),
  );
}
