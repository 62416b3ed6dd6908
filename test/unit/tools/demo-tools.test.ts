import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTools, type Tools } from '../../../gateway/tools/index.ts';
import { runOf } from '../policy/support.ts';
import { approve, bench, type Bench } from './support.ts';

let at: Bench;
let tools: Tools;
before(async () => {
  at = await bench();
  tools = createTools(at.deps);
});
after(() => at.close());

const cases = [
  {
    tool: 'newsletter.send',
    args: { subject: 'New hours', body: 'We open at eight.' },
    effect: 'approve',
    done: /^Mailed 12 customers\.$/,
    rows: `select from outbox where subject = 'New hours'`,
    count: 12,
  },
  {
    tool: 'prices.update',
    args: { product: 'team', price: '59.00' },
    effect: 'approve',
    done: /^The price of team is 59\.00 EUR now\.$/,
    rows: `select from prices where product = 'team' and price = 59.00`,
    count: 1,
  },
  {
    tool: 'customers.note',
    args: { customer: '7', note: 'Calls back' },
    effect: 'confirm',
    done: /^Noted about customer 7\.$/,
    rows: `select from customer_notes where customer = 7`,
    count: 1,
  },
] as const;

for (const { tool, args, effect, done, rows, count } of cases) {
  test(`${tool} asks first, and has its effect once`, async () => {
    const run = runOf({ messageId: `web:local:c1:${tool}:0` });
    const call = { tool, args, step: 'x:0:0' };
    const before = (await at.demo.query(rows)).rows.length;
    assert.equal((await tools.execute(run, call)).status, 'needs_approval');
    const decision = await at.policy.decide(run, { ...call, step: 'check:0:0' });
    assert.equal(decision.effect, effect);
    await approve(at, decision.id);
    assert.match((await tools.execute(run, call)).text ?? '', done);
    assert.equal((await tools.execute(run, call)).replayed, true);
    assert.equal((await at.demo.query(rows)).rows.length - before, count);
  });
}

for (const [tool, args, text] of [
  ['prices.update', { product: 'gone', price: '1.00' }, 'There is no such product.'],
  ['customers.note', { customer: '999', note: 'x' }, 'There is no such customer.'],
] as const) {
  test(`${tool} says where there is no such record`, async () => {
    const run = runOf({ messageId: `web:local:c1:${tool}-missing:0` });
    const call = { tool, args, step: 'x:0:0' };
    const decision = await at.policy.decide(run, { ...call, step: 'check:0:0' });
    await approve(at, decision.id);
    const failed = await tools.execute(run, call);
    assert.equal(failed.status, 'failed');
    assert.equal(failed.text, text);
  });
}
