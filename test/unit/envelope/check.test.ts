import assert from 'node:assert/strict';
import { test } from 'node:test';
import { envelopeFlaw, EnvelopeSchema, type Envelope } from '../../../gateway/envelope/index.ts';

const sha256 = `sha256:${'ab'.repeat(32)}`;
const sample: Envelope = {
  specversion: '1.0',
  id: 'slack:T1:D1:1.2:0',
  source: '/channels/slack/T1/D1',
  type: 'dev.gatehouse.message.command.v1',
  time: '2026-11-26T10:00:00.123Z',
  subject: 'session/0123456789abcdef',
  datacontenttype: 'application/json',
  traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
  data: {
    event: 'command',
    channel: { kind: 'slack', account: 'T1', conversation: 'D1', thread: null, visibility: 'dm' },
    message: { nativeId: '1.2', replyTo: '1.1', revision: 0 },
    sender: { nativeId: 'U1', principal: 'requester', display: 'Robin', isBot: false },
    trust: { ingress: 'signature', sender: 'member', evidence: sha256 },
    content: {
      text: '/pay 120 EUR ACME',
      mentions: ['U2'],
      command: { name: 'pay', words: ['120', 'EUR', 'ACME'] },
      action: { id: 'a', value: 'v' },
      reaction: null,
    },
    attachments: [{ id: 'F1', mime: 'text/plain', bytes: 3, sha256: null, ref: null }],
    email: null,
    calendar: null,
    session: { key: '0123456789abcdef', scope: 'per-sender' },
    delivery: { receivedAt: '2026-11-26T10:00:00+01:00', replyRoute: 'session/0123456789abcdef' },
    raw: { ref: `blob:${sha256}`, sha256 },
  },
};

const wrong = [
  undefined,
  null,
  '',
  'x',
  'x'.repeat(20_001),
  // 20,000 characters, twice as many UTF-16 units.
  '😀'.repeat(20_000),
  '\ud800',
  '2026-02-30T10:00:00Z',
  '2026-11-26 10:00:00',
  '2026-11-26T10:00:00',
  `${sha256}\n`,
  0,
  -1,
  1.5,
  NaN,
  Infinity,
  2 ** 53,
  true,
  [],
  Array(300).fill('x'),
  {},
  { ['__proto__']: 1 },
];

/** The sample with one place set to something, once for each place. */
function* changed(value: unknown): Generator<{ at: string; envelope: unknown }> {
  const walk = function* (node: unknown, path: string[]): Generator<string[]> {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, part] of Object.entries(node)) {
      yield [...path, key];
      yield* walk(part, [...path, key]);
    }
    if (!Array.isArray(node)) yield [...path, 'extra'];
  };
  for (const path of walk(sample, [])) {
    const envelope = structuredClone(sample) as unknown as Record<string, unknown>;
    const last = path.at(-1) ?? '';
    const owner = path.slice(0, -1).reduce((node, key) => node[key] as Record<string, unknown>, envelope);
    owner[last] = value;
    yield { at: path.join('.'), envelope };
  }
}

test('the compiled schema takes what the schema takes, and nothing else, whatever stands where', () => {
  assert.equal(envelopeFlaw(sample), null);
  let refused = 0;
  let taken = 0;
  for (const value of wrong) {
    for (const { at, envelope } of changed(value)) {
      const kept = EnvelopeSchema.safeParse(envelope).success;
      assert.equal(envelopeFlaw(envelope) === null, kept, `${at}: ${JSON.stringify(value)?.slice(0, 30)}`);
      if (kept) taken += 1;
      else refused += 1;
    }
  }
  assert.ok(refused > 1000 && taken > 50, `${refused} refused and ${taken} taken`);
});

test('the field at fault is named', () => {
  const long = structuredClone(sample);
  long.data.content.text = 'x'.repeat(20_001);
  assert.equal(envelopeFlaw(long), 'data.content.text');
  assert.equal(envelopeFlaw({ ...sample, id: '' }), 'id');
  assert.equal(envelopeFlaw(null), 'envelope');
});
