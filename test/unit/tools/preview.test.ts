import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { deletion, facts, openPreviews, payment, type Call, type Previews } from './preview-support.ts';

let on: Previews;
before(async () => {
  on = await openPreviews();
});
after(() => on.at.close());
beforeEach(() => on.next());

test('the card of a payment shows the balance before and after, and that the payee is new', async () => {
  const { id } = await on.asked(payment);
  const card = await on.approvals.card(id, 'approver-a');
  assert.deepEqual(facts(card).slice(-3), [
    'Balance now: 25,000.00 EUR',
    'Balance after: 24,880.00 EUR',
    'This payee: never paid before',
  ]);
  assert.match(card.preview, /^Looked up at 20\d\d-\d\d-\d\d \d\d:\d\d UTC, and again before it is done/);
  assert.match(on.said.join('\n'), /approver-a: .*Looked up at/s);
});

test('the other tools show the record, the recipients, and the price before and after', async () => {
  const shown = async (call: Call): Promise<string> =>
    facts(await on.approvals.card((await on.asked(call)).id)).join(', ');
  assert.match(await shown(deletion), /Name: Customer 7, Now: active, Notes about them: 0$/);
  on.turn += 1;
  assert.match(
    await shown({ tool: 'newsletter.send', args: { subject: 'New hours', body: 'From Monday on' } }),
    /Recipients: 12$/,
  );
  on.turn += 1;
  assert.match(
    await shown({ tool: 'prices.update', args: { product: 'team', price: '59.00' } }),
    /Price now: 49\.00 EUR, Price after: 59\.00 EUR$/,
  );
});

test('a tool without a preview says so', async () => {
  const { id } = await on.asked({
    tool: 'http.request',
    args: { method: 'GET', url: 'https://example.com/' },
  });
  assert.match((await on.approvals.card(id)).preview, /^No preview: What a host would do/);
});

test('what is unchanged runs, with the secret lent and given back for each look', async () => {
  await on.approved(payment);
  const done = await on.execute(payment);
  assert.equal(done.status, 'succeeded', done.text);
  const [first, second, third] = await on.receipts('secret.lease');
  assert.ok(String(first?.attempt).startsWith('prv_') && String(second?.attempt).startsWith('prv_'));
  assert.equal(third?.attempt, done.attempt);
  assert.deepEqual(
    (await on.receipts('preview')).map((found) => found.state),
    ['shown', 'shown'],
  );
  const open = await on.at.db.pool.query('select from leases where ended_at is null');
  assert.equal(open.rowCount, 0);
});

test('a system that is down: payments are not asked about blind, and an approval waits for it', async () => {
  const url = (await on.at.store.get('demo/postgres')) ?? '';
  const away = Object.assign(new URL(url), { port: '1' }).href;
  const id = await on.approved(payment);
  const first = on.turn;
  await on.at.store.set('demo/postgres', away);
  const refused = await on.execute(payment);
  assert.equal(refused.reasons?.[0]?.code, 'preview_unavailable');
  on.turn += 1;
  const blind = await on.asked(payment);
  assert.equal(blind.state, 'cancelled');
  assert.match(blind.reason ?? '', /cannot be looked up, so nobody was asked\..*\(preview_unavailable\)/);
  assert.ok(!on.said.some((text) => text.startsWith('approver-a: ') && text.includes(blind.id)));
  on.turn += 1;
  // Others are asked, and the card says it in words.
  const mail = await on.asked({ tool: 'newsletter.send', args: { subject: 'New hours', body: 'Monday' } });
  assert.equal(mail.state, 'pending');
  assert.equal((await on.approvals.card(mail.id)).preview, 'The system of record cannot be reached.');
  await on.at.store.set('demo/postgres', url);
  const last = on.turn;
  on.turn = first;
  assert.equal((await on.execute(payment)).status, 'succeeded', `the approval ${id} still holds`);
  on.turn = last;
});

test('a record that is not there is not asked about', async () => {
  const gone = await on.asked({ tool: 'customers.delete', args: { customer: '12345' } });
  assert.equal(gone.state, 'cancelled');
  assert.match(gone.reason ?? '', /There is no such customer\. \(preview_missing\)/);
});

test('a kill switch stops the look as well', async () => {
  await on.at.policy.setKillSwitch({
    engaged: true,
    reason: 'drill',
    by: 'admin',
    target: 'tool:ledger.transfer',
  });
  const { state, reason } = await on.asked(payment).catch(() => ({ state: 'denied', reason: 'kill switch' }));
  await on.at.policy.setKillSwitch({
    engaged: false,
    reason: 'over',
    by: 'admin',
    target: 'tool:ledger.transfer',
  });
  assert.notEqual(state, 'pending');
  assert.match(reason ?? '', /kill switch/i);
  assert.deepEqual(await on.receipts('secret.lease'), []);
});
