import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { repository } from '../../gateway/cli/up/index.ts';
import { builderOf, type Builder, type Change } from './support/builder.ts';
import { eventually, person, type Person } from './support/person.ts';
import { testStack, type TestStack } from './support/stack.ts';

const example = 'automation-example.json';
/** What the example's automation may do besides reading. */
const declared = `automations:
  - name: morning-balance
    display: Morning balance
    owner: requester
    workflow: gatehouseAuto0001
    tools:
      - tool: ledger.transfer
        args:
          payee: { const: Landlord }
          currency: { const: EUR }
          reference: { pattern: 'rent-[0-9]{4}-[0-9]{2}' }
        limits: { calls: 5, spend: { currency: EUR, amount: '1500.00' } }
      - tool: customers.note
        args: { customer: { const: '7' } }
`;
const rent = { amount: '900', currency: 'EUR', payee: 'Landlord', reference: 'rent-2026-11' };

let stack: TestStack;
let builder: Builder;
let approvers: Person[];
let owner: Person;
before(
  async () => {
    const env: NodeJS.ProcessEnv = {};
    stack = await testStack(env, {
      before(dir) {
        const policiesDir = join(dir, 'policies');
        cpSync(join(repository, 'policies'), policiesDir, { recursive: true });
        writeFileSync(join(policiesDir, 'automations.yaml'), declared);
        env.GATEHOUSE_POLICIES_DIR = policiesDir;
        return Promise.resolve();
      },
    });
    builder = await builderOf(stack);
    approvers = await Promise.all((['approver-a', 'approver-b'] as const).map((one) => person(stack, one)));
    owner = await person(stack, 'requester');
  },
  { timeout: 600_000 },
);
after(() => stack?.stop(), { timeout: 60_000 });

interface Decided {
  id: string;
  effect: string;
  codes: string[];
  principal: string | null;
}
const decided = (tool: string): Promise<Decided[]> =>
  stack.sql(
    `select id, effect, principal, (select array_agg(reason ->> 'code') from jsonb_array_elements(reasons) reason) as codes
     from decisions where tool = $1 order by created_at desc`,
    [tool],
  );
const paid = async (reference: string): Promise<number> =>
  (await stack.demo('select from ledger where reference = $1', [reference])).length;

/** Starts the example by a webhook of another system, once, with this call. @returns what n8n stored of the run */
async function runOnce(tool: string, args: object, how: 'build' | 'copy' = 'build'): Promise<string> {
  const path = `automation-${crypto.randomUUID()}`;
  await builder[how](example, (draft, node) => {
    Object.assign(node('Every Morning'), {
      type: 'n8n-nodes-base.webhook',
      typeVersion: 2.1,
      webhookId: crypto.randomUUID(),
      parameters: { httpMethod: 'POST', path, options: {} },
    });
    callIs(tool, args)(draft, node);
    // As shipped, n8n keeps nothing of a run that went well.
    draft.settings = { ...draft.settings, saveDataSuccessExecution: 'all' };
  });
  const before = await lastExecution();
  // n8n registers a webhook after it answered that the workflow is published.
  await eventually('a webhook that n8n knows', 30_000, async () => {
    const address = `${stack.urls.n8n.replace(/\/$/, '')}/webhook/${path}`;
    const answer = await fetch(address, { method: 'POST' });
    return { done: answer.status === 200, seen: await answer.text() };
  });
  await eventually('an execution that ended or waits', 30_000, async () => {
    const [row] = await stack.n8n<{ id: number; status: string }>(
      'select id, status from execution_entity order by id desc limit 1',
    );
    const done = row !== undefined && row.id > before && ['success', 'waiting', 'error'].includes(row.status);
    return { done, seen: row?.status ?? 'none' };
  });
  const [row] = await stack.n8n<{ data: string }>(
    'select data from execution_data where "executionId" > $1 order by "executionId" desc limit 1',
    [before],
  );
  // n8n stores its data flattened: every text stands in it as it is.
  return row?.data ?? '';
}

async function lastExecution(): Promise<number> {
  const [row] = await stack.n8n<{ id: number }>('select id from execution_entity order by id desc limit 1');
  return row?.id ?? 0;
}

/** Has the example make another call. */
const callIs =
  (tool: string, args: object): Change =>
  (_draft, node) => {
    const { assignments } = node('Call: Balance').parameters.assignments as {
      assignments: { name: string; value: string }[];
    };
    for (const each of assignments)
      each.value = each.name === 'tool' ? tool : `={{ ${JSON.stringify(args)} }}`;
  };

describe('an automation', { timeout: 600_000 }, () => {
  it('runs by n8n’s own schedule under its own name, reads, and asks nobody', async () => {
    await builder.build(example, (_draft, node) => {
      node('Every Morning').parameters = { rule: { interval: [{ field: 'seconds', secondsInterval: 2 }] } };
    });
    await eventually('a balance that was read', 30_000, async () => {
      const done = await stack.sql(
        `select from attempts where tool = 'ledger.balance' and state = 'succeeded'`,
      );
      return { done: done.length > 0, seen: JSON.stringify(await decided('ledger.balance')) };
    });
    await builder.build(example);
    const [decision] = await decided('ledger.balance');
    assert.equal(decision?.principal, 'automation:morning-balance');
    assert.equal(decision?.effect, 'allow');
  });

  it('does unasked what it declares, once for each run', async () => {
    await runOnce('ledger.transfer', rent);
    assert.deepEqual((await decided('ledger.transfer'))[0]?.effect, 'allow');
    assert.equal(await paid('rent-2026-11'), 1);
  });

  it('asks the approvers about what strays from its declaration, and does it once they agree', async () => {
    await runOnce('ledger.transfer', { ...rent, amount: '100', payee: 'Mallory', reference: 'rent-2026-12' });
    const [decision] = await decided('ledger.transfer');
    assert.equal(decision?.effect, 'approve');
    assert.ok(decision.codes.includes('automation_outside'));
    assert.equal(await paid('rent-2026-12'), 0);
    // No person asked, so that both pairs of eyes are approvers'.
    for (const approver of approvers) {
      assert.equal(await paid('rent-2026-12'), 0);
      assert.equal((await approver.vote(decision.id, 'approve')).status, 303);
    }
    await eventually('a payment', 30_000, async () => {
      const count = await paid('rent-2026-12');
      return { done: count === 1, seen: String(count) };
    });
  });

  it('has its owner confirm what strays and needs no approval of others, and does it on their word alone', async () => {
    await runOnce('customers.note', { customer: '8', note: 'Rings at nine' });
    const [decision] = await decided('customers.note');
    assert.deepEqual([decision?.effect, decision?.codes], ['confirm', ['automation_outside']]);
    const id = decision?.id ?? '';
    const noted = async (): Promise<number> =>
      (await stack.demo('select from customer_notes where note = $1', ['Rings at nine'])).length;
    assert.match((await owner.read('/approvals')).text, /Morning balance asks to note about customer 8/);
    for (const other of approvers) {
      assert.doesNotMatch((await other.read('/approvals')).text, /note about customer 8/);
      assert.notEqual((await other.vote(id, 'approve')).status, 303);
    }
    assert.equal(await noted(), 0);
    assert.equal((await owner.vote(id, 'approve')).status, 303);
    await eventually('a note', 30_000, async () => {
      const count = await noted();
      return { done: count === 1, seen: String(count) };
    });
  });

  it('is refused what it does not declare', async () => {
    await runOnce('customers.delete', { customer: '7' });
    const [decision] = await decided('customers.delete');
    assert.equal(decision?.effect, 'deny');
    assert.ok(decision.codes.includes('automation_limited'));
    assert.equal((await stack.demo('select from customers where deleted_at is not null')).length, 0);
  });

  it('lends its name to no other workflow', async () => {
    const earlier = (await decided('ledger.transfer')).length;
    const data = await runOnce('ledger.transfer', { ...rent, reference: 'rent-2027-01' }, 'copy');
    assert.match(data, /This automation is not declared for this workflow/);
    assert.equal((await decided('ledger.transfer')).length, earlier);
    assert.equal(await paid('rent-2027-01'), 0);
  });
});
