import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { FakeReceiver } from '../../fixtures/vendors/receiver.ts';
import { vendorBench, type VendorBench } from './vendor-support.ts';

let receiver: FakeReceiver;
let bench: VendorBench;
const args = { hook: 'orders', event: 'order.shipped', data: { order: '17' } };
before(async () => {
  receiver = await new FakeReceiver().start();
  const secret = { name: 'webhook/signing-secret', value: receiver.secret };
  bench = await vendorBench('webhook', receiver.url, secret);
});
after(async () => {
  await bench.close();
  await receiver.stop();
});
afterEach(() => assert.deepEqual(receiver.problems.splice(0), []));

test('an event is signed as the standard says, under the id of the attempt', async () => {
  const done = await bench.call('webhook.send', args);
  assert.equal(done.status, 'succeeded', done.text);
  assert.deepEqual(receiver.taken.get(done.attempt ?? ''), {
    path: '/hooks/orders',
    body: { type: 'order.shipped', data: { order: '17' } },
  });
});

test('one whose answer was lost is sent again under its id, and taken once', async () => {
  const before = receiver.taken.size;
  receiver.loseNextAnswer();
  assert.equal((await bench.call('webhook.send', args)).status, 'succeeded');
  assert.equal(receiver.taken.size, before + 1);
});

test('while the secret is replaced, a receiver that knows either of the two takes the event', async () => {
  const other = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
  for (const value of [`${other} ${receiver.secret}`, `${receiver.secret} ${other}`]) {
    await bench.at.store.set('webhook/signing-secret', value);
    assert.equal((await bench.call('webhook.send', args)).status, 'succeeded');
  }
});

test('a secret of another form is a failure that says which form', async () => {
  await bench.at.store.set('webhook/signing-secret', 'not base64!');
  const done = await bench.call('webhook.send', args);
  assert.deepEqual([done.status, done.reasons?.[0]?.code], ['failed', 'GH-TOOLS-041']);
  assert.match(done.text ?? '', /whsec_/);
});
