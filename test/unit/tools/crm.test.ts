import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { FakeHubSpot } from '../../fixtures/vendors/hubspot.ts';
import { vendorBench, type VendorBench } from './vendor-support.ts';

let hubspot: FakeHubSpot;
let bench: VendorBench;
before(async () => {
  hubspot = await new FakeHubSpot().start();
  bench = await vendorBench('hubspot', hubspot.url, { name: 'hubspot/token', value: hubspot.token });
});
after(async () => {
  await bench.close();
  await hubspot.stop();
});
afterEach(() => assert.deepEqual(hubspot.problems.splice(0), []));

const things = {
  contact: [{ email: 'a+b@acme.example', lastName: 'Roe' }, { email: 'c@acme.example' }, { phone: '123' }],
  deal: [{ name: 'ACME', amount: '1200.00' }, { name: 'ACME again' }, { stage: 'closedwon' }],
} as const;
for (const [kind, [first, second, change]] of Object.entries(things)) {
  test(`a ${kind} is added, found, changed, merged and deleted`, async () => {
    const one = (await bench.call(`crm.${kind}.create`, first)).result as { id: string };
    const two = (await bench.call(`crm.${kind}.create`, second)).result as { id: string };
    const found = await bench.call(`crm.${kind}s.search`, { words: kind === 'deal' ? 'again' : 'c@acme' });
    assert.equal((found.result as Record<string, { id: string }[]>)[`${kind}s`]?.[0]?.id, two.id);
    const changed = await bench.call(`crm.${kind}.update`, { [kind]: one.id, ...change });
    assert.equal(changed.status, 'succeeded', changed.text);
    const merged = await bench.call(`crm.${kind}.merge`, { into: one.id, [kind]: two.id });
    assert.equal(merged.status, 'succeeded', merged.text);
    assert.equal(hubspot[`${kind as 'contact'}s`].size, 1);
    assert.equal((await bench.call(`crm.${kind}.delete`, { [kind]: one.id })).status, 'succeeded');
    assert.equal(hubspot[`${kind as 'contact'}s`].size, 0);
  });
}

test('a contact that is there already is not added again, and the answer says so', async () => {
  await bench.call('crm.contact.create', { email: 'x@acme.example' });
  const again = await bench.call('crm.contact.create', { email: 'x@acme.example' });
  assert.deepEqual([again.status, again.reasons?.[0]?.code], ['failed', 'record_exists']);
});

test('a contact of which nobody knows whether it was added stays unknown', async () => {
  hubspot.loseNextAnswer();
  assert.equal((await bench.call('crm.contact.create', { email: 'y@acme.example' })).status, 'unknown');
});

test('a deletion whose answer was lost is looked for, and found', async () => {
  const { id } = (await bench.call('crm.deal.create', { name: 'Gone' })).result as { id: string };
  hubspot.loseNextAnswer();
  assert.equal((await bench.call('crm.deal.delete', { deal: id })).status, 'succeeded');
});

for (const [kind, first, second] of [
  ['contact', { email: 'm1@acme.example' }, { email: 'm2@acme.example' }],
  ['deal', { name: 'Merge one' }, { name: 'Merge two' }],
] as const) {
  test(`a merge of ${kind}s whose answer was lost is found by what took their place, and one that was lost is not`, async () => {
    const made = async (args: object): Promise<string> =>
      ((await bench.call(`crm.${kind}.create`, { ...args })).result as { id: string }).id;
    const [into, other] = [await made(first), await made(second)];
    hubspot.cutNextRequest();
    const lost = await bench.call(`crm.${kind}.merge`, { into, [kind]: other });
    assert.notEqual(lost.status, 'succeeded');
    hubspot.loseNextAnswer();
    assert.equal((await bench.call(`crm.${kind}.merge`, { into, [kind]: other })).status, 'succeeded');
  });
}

test('a record that was merged into another one than was asked for is not taken for it', async () => {
  const made = async (name: string): Promise<string> =>
    ((await bench.call('crm.deal.create', { name })).result as { id: string }).id;
  const [one, two, three] = [await made('one'), await made('two'), await made('three')];
  await bench.call('crm.deal.merge', { into: one, deal: three });
  hubspot.cutNextRequest();
  const lost = await bench.call('crm.deal.merge', { into: two, deal: three });
  assert.notEqual(lost.status, 'succeeded');
});

test('a deal whose answer was lost is found by the call that it names, and no other one of its name', async () => {
  hubspot.cutNextRequest();
  await bench.call('crm.deal.create', { name: 'Twin' });
  hubspot.loseNextAnswer();
  assert.equal((await bench.call('crm.deal.create', { name: 'Twin' })).status, 'succeeded');
  hubspot.cutNextRequest();
  assert.equal((await bench.call('crm.deal.create', { name: 'Twin' })).status, 'unknown');
  const twins = [...hubspot.deals.values()].filter(({ properties }) => properties.dealname === 'Twin');
  assert.equal(twins.length, 1);
});
