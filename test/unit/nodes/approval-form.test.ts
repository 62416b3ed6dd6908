import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { IDataObject, IRun } from 'n8n-workflow';
import { formPolicy } from '../../../gateway/approvals/form-policy.ts';
import { built } from './build.ts';
import { FakeGateway } from './fake-gateway.ts';
import { Bench } from './harness.ts';

const gateway = new FakeGateway();
const KEPT = { noWebhookResponse: true };
const hostile = '"><script>alert(1)</script>';

const card = {
  id: 'dec_1',
  state: 'pending',
  kind: 'approve',
  sentence: `Rita asks to pay 120 EUR to ${hostile}`,
  effect: '120 EUR',
  binding: 'sha256:feed',
  reasons: [{ code: 'policy.payment', text: 'Payments need an approver.' }],
  facts: [{ label: 'Payee', value: hostile }],
  provenance: [{ label: 'Payee', value: hostile, source: 'unknown' }],
  quoted: hostile,
  deadline: '2030-01-01T00:00:00.000Z',
  quorum: 2,
  approvers: [{ display: 'Ada' }, { display: 'Ben' }],
  votes: [
    { display: 'Ada', verdict: 'approve', comment: hostile, channel: 'web', at: '2030-01-01T00:00:00.000Z' },
  ],
};

describe('The form of an Approval Gate', () => {
  let bench: Bench;
  let run: IRun;
  before(async () => {
    await gateway.start();
    const parameters = { operation: 'sendAndWait', run: 'run_of_the_message' };
    bench = new Bench({ folder: await built(), gatewayUrl: gateway.url, node: 'ApprovalGate', parameters });
    const waitUntil = card.deadline;
    gateway.on('POST /v1/approvals', { body: { approvals: [{ id: 'dec_1', state: 'pending' }], waitUntil } });
    const decision = { id: 'dec_1', effect: 'approve', digest: 'd' };
    run = await bench.run([{ json: { tool: 'ledger.transfer', args: {}, decision } }]);
  });
  after(() => gateway.stop());
  beforeEach(() => {
    gateway.reset();
    gateway.on('GET /v1/approvals/dec_1', { body: card });
    gateway.on('POST /v1/approvals/dec_1/votes', {
      body: { state: 'pending', message: 'One more is needed.' },
    });
  });

  const get = (query: IDataObject = { approval: 'dec_1' }) => bench.webhook(run, { method: 'GET', query });
  const post = (body: IDataObject) =>
    bench.webhook(run, { method: 'POST', query: { approval: 'dec_1' }, body });

  it('decides nothing when it is opened, and keeps the wait', async () => {
    const answer = await get();
    assert.deepEqual(answer.data, KEPT);
    assert.deepEqual(
      gateway.calls.map(({ method, path }) => `${method} ${path}`),
      ['GET /v1/approvals/dec_1'],
    );
  });

  it('says how many of whom decide, and until when it is or was open', async () => {
    const told = async (change: object): Promise<string> => {
      gateway.on('GET /v1/approvals/dec_1', { body: { ...card, ...change } });
      return String((await get()).body);
    };
    assert.match(await told({}), /<p>2 different people of Ada, Ben<\/p>.*<p>Open until <time/s);
    assert.match(await told({ quorum: 1 }), /<p>One of Ada, Ben<\/p>/);
    assert.match(await told({ quorum: 1, approvers: [{ display: 'Ada' }] }), /<p>Ada<\/p>/);
    assert.match(await told({ state: 'expired' }), /<p>Was open until <time/);
  });

  it('is sandboxed away from the editor, is never stored and names no referrer', async () => {
    const { headers } = await get();
    const policy = headers['Content-Security-Policy'] ?? '';
    assert.match(policy, /^default-src 'none'; style-src 'nonce-([^']+)'; script-src 'nonce-\1'/);
    assert.match(policy, /; sandbox allow-forms allow-scripts$/);
    assert.doesNotMatch(policy, /unsafe|allow-same-origin/);
    assert.equal(headers['Cache-Control'], 'no-store');
    assert.equal(headers['Referrer-Policy'], 'no-referrer');
    const other = await get();
    assert.notEqual(other.headers['Content-Security-Policy'], policy);
  });

  it('escapes everything that a sender, model or approver wrote', async () => {
    const page = String((await get()).body);
    assert.doesNotMatch(page, /<script>alert/);
    assert.equal(page.match(/<script/g)?.length, 1);
  });

  it('has the one script that the gateway lets pages from n8n run', async () => {
    const page = String((await get()).body);
    const [, script = ''] = /<script nonce="[^"]+">([\s\S]*)<\/script>/.exec(page) ?? [];
    assert.ok(
      formPolicy.includes(`script-src 'sha256-${createHash('sha256').update(script).digest('base64')}';`),
    );
  });

  it('hides its buttons until a personal token is in the fragment, and never makes Approve the default', async () => {
    const page = String((await get()).body);
    assert.match(page, /<form method="post" hidden>/);
    assert.match(page, /Approve 120 EUR<\/button>/);
    assert.doesNotMatch(page, /<input(?! type="hidden")/);
    assert.doesNotMatch(page, /autofocus/);
  });

  it('relays a vote with its token unread and keeps the wait', async () => {
    const answer = await post({ token: 'tok_1', verdict: 'approve', comment: ' fine ' });
    assert.deepEqual(answer.data, KEPT);
    assert.deepEqual(gateway.calls[0]?.body, { token: 'tok_1', verdict: 'approve', comment: 'fine' });
    assert.match(String(answer.body), /One more is needed\./);
    assert.doesNotMatch(String(answer.body), /tok_1/);
  });

  it('hands on what the page was shown with, which the gateway holds the vote to', async () => {
    const page = String((await get()).body);
    assert.match(page, /<input type="hidden" name="shown" value="sha256:feed">/);
    gateway.calls.length = 0;
    await post({ token: 'tok_1', verdict: 'approve', comment: '', shown: 'sha256:feed' });
    assert.deepEqual(gateway.calls[0]?.body, { token: 'tok_1', verdict: 'approve', shown: 'sha256:feed' });
  });

  it('does not resume by anything a person can post', async () => {
    const outcome = {
      type: 'dev.gatehouse.outcome.v1',
      items: [{ id: 'dec_1', state: 'approved', grant: 'g' }],
    };
    assert.deepEqual((await post(outcome)).data, KEPT);
  });

  it('wants a reason for a rejection', async () => {
    const answer = await post({ token: 'tok_1', verdict: 'reject', comment: '  ' });
    assert.equal(gateway.calls.length, 0);
    assert.match(String(answer.body), /why you reject/);
  });

  it('says why a vote did not count', async () => {
    const body = { code: 'GH-APPROVAL-003', detail: 'You asked for this yourself.' };
    gateway.on('POST /v1/approvals/dec_1/votes', { status: 403, body });
    const answer = await post({ token: 'tok_1', verdict: 'approve' });
    assert.equal(answer.status, 400);
    assert.match(String(answer.body), /You asked for this yourself\./);
    assert.deepEqual(answer.data, KEPT);
  });

  it('never throws, whatever comes: n8n would run the first output', async () => {
    gateway.on('GET /v1/approvals/dec_1', { body: { sentence: 7, reasons: 'x', facts: {} } });
    const odd = [
      await get(),
      await get({}),
      await get({ approval: ['a', 'b'] }),
      await get({ approval: '../../kill-switch' }),
      await bench.webhook(run, { method: 'POST', body: null as never, query: null as never }),
      await bench.webhook(run, { method: 'POST', headers: { 'webhook-signature': 'v1,x' } }),
    ];
    for (const answer of odd) assert.deepEqual(answer.data, KEPT);
    assert.ok(gateway.calls.every(({ path }) => path.startsWith('/v1/approvals/')));
  });
});
