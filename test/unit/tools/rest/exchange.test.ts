import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Answer } from '../../../fixtures/vendors/server.ts';
import { limitOf } from '../../../../gateway/tools/connectors/rest/limits.ts';
import { AnyVendor, callOf, reading, testConnector, toolFor } from './support.ts';

let vendor: AnyVendor;
before(async () => {
  vendor = await new AnyVendor().start();
});
after(() => vendor.stop());
beforeEach(() => {
  vendor.calls.splice(0);
  vendor.reply = () => ({ status: 200, json: { ok: true } });
});
const keyed = {
  tool: { idempotencyKey: 'attempt' },
  connector: { repeat: { header: 'x-request-id' } },
};
type Change = Parameters<typeof toolFor>[1];
const run = (change: Change = {}, at = testConnector()) =>
  at.connector.run(callOf(toolFor(vendor.url, change)));

describe('Tries', () => {
  test('a change of which nobody knows is sent once, and is not called failed', async () => {
    for (const lose of [
      () => vendor.loseNextAnswer(),
      () => vendor.failNext({ status: 502 }),
      () => vendor.failNext({ status: 408 }),
    ]) {
      vendor.calls.splice(0);
      lose();
      await assert.rejects(run(), { name: 'Unclear' });
      assert.equal(vendor.calls.length, 1);
    }
  });

  test('one with a key is sent again under the same key', async () => {
    vendor.loseNextAnswer();
    assert.equal((await run(keyed)).status, 'succeeded');
    assert.deepEqual(
      vendor.calls.map(({ headers }) => headers['x-request-id']),
      ['att_1', 'att_1'],
    );
  });

  test('what a later try is refused for says nothing of an earlier one', async () => {
    vendor.loseNextAnswer();
    vendor.failNext({ status: 422, json: {} });
    await assert.rejects(run(keyed), { name: 'Unclear' });
  });

  test('a read is tried three times, ever later, and then is a failure', async () => {
    const at = testConnector();
    vendor.reply = () => ({ status: 503 });
    const outcome = await run(reading, at);
    assert.deepEqual([outcome.status, vendor.calls.length, at.pauses.length], ['failed', 3, 2]);
    assert.ok((at.pauses[0] ?? 0) >= 100 && (at.pauses[1] ?? 0) >= 200);
  });

  test('a host that is not there took nothing', async () => {
    await assert.rejects(testConnector().connector.run(callOf(toolFor('http://127.0.0.1:1'))), {
      code: 'GH-EGRESS-010',
    });
  });
});

describe('Limits', () => {
  const limited = (headers: Record<string, string>, status = 429): Answer => ({ status, headers, json: {} });

  test('a call that is turned away waits as long as it is told, and is sent again, also one that changes something', async () => {
    const at = testConnector();
    vendor.failNext(limited({ 'retry-after': '3' }));
    assert.equal((await run({}, at)).status, 'succeeded');
    assert.deepEqual([at.pauses, vendor.calls.length], [[3000], 2]);
  });

  test('one that would wait too long fails with the time, and so do the calls after it, unsent', async () => {
    const at = testConnector();
    const reset = String(Date.parse('2026-11-01T10:20:00Z') / 1000);
    vendor.failNext(limited({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset }, 403));
    await assert.rejects(run({}, at), {
      code: 'GH-TOOLS-044',
      retryAfter: 1200,
      next: 'Try again in 1200 seconds.',
    });
    await assert.rejects(run({}, at), { code: 'GH-TOOLS-044' });
    assert.equal(vendor.calls.length, 1);
    at.advance(1_200_001);
    assert.equal((await run({}, at)).status, 'succeeded');
  });

  test('the last call of a window is done, and the next one waits', async () => {
    const at = testConnector();
    vendor.failNext({
      status: 200,
      json: {},
      headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '2' },
    });
    assert.equal((await run({}, at)).status, 'succeeded');
    await run({}, at);
    assert.deepEqual(at.pauses, [2000]);
  });

  test('a time is read in each form that vendors write it', () => {
    const now = Date.parse('2026-11-01T10:00:00Z');
    const until = (header: string) => limitOf(429, { 'retry-after': header }, now).until;
    assert.equal(until('30'), now + 30_000);
    assert.equal(until('Sun, 01 Nov 2026 10:00:30 GMT'), now + 30_000);
    assert.equal(until('9999999999'), now + 24 * 3600 * 1000);
    assert.equal(until('soon'), null);
    assert.equal(limitOf(403, {}, now).hit, false);
  });
});

describe('Answers', () => {
  test('a file says what an answer means, before the usual meaning', async () => {
    const errors = [
      { status: 409, when: "code == 'dup'", code: 'there_already', text: 'It is there.', outcome: 'done' },
      { status: [409, 423], code: 'locked', text: 'It is locked.' },
    ];
    vendor.failNext({ status: 409, json: { code: 'dup' } });
    assert.equal((await run({ connector: { errors } })).status, 'succeeded');
    vendor.failNext({ status: 409, json: { code: 'other' } });
    const locked = await run({ connector: { errors } });
    assert.deepEqual(locked.status === 'failed' && locked.reasons, [
      { code: 'locked', text: 'It is locked.' },
    ]);
    vendor.failNext({ status: 404, json: {} });
    const usual = await run({ connector: { errors } });
    assert.equal(usual.status === 'failed' && usual.reasons[0]?.code, 'record_missing');
  });

  test('a vendor’s words are one short quoted line, whatever they are', async () => {
    vendor.failNext({ status: 422, json: { message: `no"\n\u202e<b>${'x'.repeat(500)}` } });
    const outcome = await run({ api: { detail: 'message' } });
    const text = outcome.status === 'failed' ? (outcome.reasons[0]?.text ?? '') : '';
    assert.match(text, /It says: "no’ <b>x+…"$/);
    assert.ok(text.length < 320);
  });

  test('a secret that is echoed does not come back, in JSON with escapes, as a key, or as a number', async () => {
    const auth = { kind: 'bearer', secret: 's' };
    const tool = toolFor(vendor.url, { api: { auth } });
    vendor.reply = () => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      text: '{"a":"12345678","b":{"x12345678":1},"c":12345678,"d":"\\u00312345678","e":["MTIzNDU2Nzg="]}',
    });
    const outcome = await testConnector().connector.run(callOf(tool, '12345678'));
    assert.deepEqual(outcome.result, {
      a: '[redacted]',
      b: { 'x[redacted]': 1 },
      c: '[redacted]',
      d: '[redacted]',
      e: ['[redacted]'],
    });
  });

  test('an answer that is no JSON, or too long, is a failure of a read and no failure of a change', async () => {
    for (const answer of [
      { status: 200, text: '<html>' },
      { status: 200, text: `"${'x'.repeat(2_000_000)}"` },
    ]) {
      vendor.reply = () => answer;
      await assert.rejects(run(reading), { code: 'GH-TOOLS-045' });
      assert.deepEqual(await run(), { status: 'succeeded', result: {} });
    }
  });

  test('what Postgres cannot store does not reach it', async () => {
    vendor.reply = () => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      text: '{"a":"x\\u0000y"}',
    });
    assert.deepEqual((await run()).result, { a: 'x\ufffdy' });
  });
});

describe('Pages', () => {
  const list = (next: object, most = 100) => ({
    ...reading,
    connector: { method: 'GET', pages: { items: 'items', most, next }, returns: '{all: items, more: more}' },
  });
  const items = (from: number, count: number): number[] =>
    Array.from({ length: count }, (_item, at) => from + at);

  test('by link, on the same origin alone', async () => {
    vendor.reply = ({ query }) => {
      const page = Number(query.get('page') ?? 1);
      const link = `<${vendor.url}/things/one?page=${page + 1}>; rel="next", <${vendor.url}/x>; rel="last"`;
      return {
        status: 200,
        json: { items: items(page * 10, 2) },
        ...(page < 3 ? { headers: { link } } : {}),
      };
    };
    assert.deepEqual((await run(list({ by: 'link' }))).result, {
      all: [10, 11, 20, 21, 30, 31],
      more: false,
    });
    vendor.reply = () => ({
      status: 200,
      json: { items: [1] },
      headers: { link: '<https://evil.example/>; rel="next"' },
    });
    await assert.rejects(run(list({ by: 'link' })), { rule: 'redirect' });
  });

  test('by cursor, number and offset', async () => {
    vendor.reply = ({ query }) => {
      const at = Number(query.get('at') ?? 0);
      return { status: 200, json: at < 3 ? { items: [at], next: at + 1 } : { items: [at] } };
    };
    const all = { all: [0, 1, 2, 3], more: false };
    assert.deepEqual((await run(list({ by: 'cursor', from: 'next', query: 'at' }))).result, all);
    vendor.reply = ({ query }) => {
      const at = Number(query.get('at') ?? 0);
      return { status: 200, json: { items: at < 4 ? [at] : [] } };
    };
    assert.deepEqual((await run(list({ by: 'number', query: 'at', first: 0 }))).result, all);
    assert.deepEqual((await run(list({ by: 'offset', query: 'at' }))).result, all);
  });

  test('a list without an end ends at what the file allows, and at twenty pages', async () => {
    vendor.reply = () => ({ status: 200, json: { items: [1, 2, 3], next: 'x' } });
    const cursor = { by: 'cursor', from: 'next', query: 'at' };
    assert.deepEqual((await run(list(cursor, 5))).result, { all: [1, 2, 3, 1, 2], more: true });
    vendor.calls.splice(0);
    await run(list(cursor, 1000));
    assert.equal(vendor.calls.length, 20);
  });
});

describe('A look at what became of a call', () => {
  const probe = { method: 'GET', path: '/things/{thing}', happened: 'status != `200`' };
  const look = () => {
    const call = callOf(toolFor(vendor.url, { connector: { probe } }));
    return testConnector().connector.probe?.(call);
  };

  test('says what its condition says', async () => {
    vendor.reply = () => ({ status: 404 });
    assert.equal(await look(), 'happened');
    vendor.reply = () => ({ status: 200, json: {} });
    assert.equal(await look(), 'unknown');
  });

  for (const status of [401, 403, 429, 500, 503]) {
    test(`believes nothing that is answered with ${status}`, async () => {
      vendor.reply = () => ({ status });
      assert.equal(await look(), 'unknown');
    });
  }
});
