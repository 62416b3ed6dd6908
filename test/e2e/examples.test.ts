import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually, person, type Person } from './support/person.ts';
import { testStack, type TestStack } from './support/stack.ts';

let stack: TestStack;
let requester: Person;
let approverA: Person;
let approverB: Person;
before(
  async () => {
    stack = await testStack();
    requester = await person(stack, 'requester');
    approverA = await person(stack, 'approver-a');
    approverB = await person(stack, 'approver-b');
  },
  { timeout: 600_000 },
);
after(() => stack?.stop(), { timeout: 60_000 });

/** Asks in the chat and waits for the card. @returns the approval's id */
async function ask(text: string, tool: string, kind: string): Promise<string> {
  await requester.say(text);
  await requester.answerTo(text, /Approval is needed|confirm/i);
  const [row] = await stack.sql<{ id: string; kind: string }>(
    `select a.id, a.kind from approvals a join decisions d on d.id = a.id
     where d.tool = $1 and a.state = 'pending' order by a.created_at desc`,
    [tool],
  );
  assert.ok(row, text);
  assert.equal(row.kind, kind);
  await eventually('an execution that waits', 15_000, async () => {
    const [seen] = await stack.n8n<{ status: string }>(
      `select e.status from execution_entity e where e.id::text = $1`,
      [await executionOf(row.id)],
    );
    return { done: seen?.status === 'waiting', seen: seen?.status ?? 'none' };
  });
  return row.id;
}

async function executionOf(id: string): Promise<string> {
  const rows = await stack.sql<{ execution_id: string }>('select execution_id from approvals where id = $1', [
    id,
  ]);
  return rows[0]?.execution_id ?? '';
}

const count = async (text: string): Promise<number> => (await stack.demo(text)).length;

interface Example {
  file: string;
  text: string;
  tool: string;
  kind: 'approve' | 'confirm';
  /** who decides, in this order; the effect is there after the last one */
  deciders: () => Person[];
  done: RegExp;
  effect: string;
  rows: number;
  blocked: string;
  why: RegExp;
}
const examples: Example[] = [
  {
    file: 'payment',
    text: '/example payment 120 EUR ACME invoice-4711',
    tool: 'ledger.transfer',
    kind: 'approve',
    deciders: () => [approverA],
    done: /Paid 120\.00 EUR to ACME.*receipt/i,
    effect: `select from ledger where reference = 'invoice-4711'`,
    rows: 1,
    blocked: '/example payment 0 EUR ACME invoice-4712',
    why: /amount_not_positive/,
  },
  {
    file: 'delete',
    text: '/example delete 9',
    tool: 'customers.delete',
    kind: 'approve',
    deciders: () => [approverB],
    done: /Deleted customer 9\..*receipt/i,
    effect: 'select from customers where deleted_at is not null',
    rows: 1,
    blocked: '/example delete everybody',
    why: /args_invalid/,
  },
  {
    file: 'newsletter',
    text: '/example newsletter New hours from Monday',
    tool: 'newsletter.send',
    kind: 'approve',
    deciders: () => [approverA],
    done: /Mailed 11 customers\..*receipt/i,
    effect: `select from outbox where subject = 'New hours from Monday'`,
    rows: 11,
    blocked: '/example newsletter',
    why: /args_invalid/,
  },
  {
    file: 'price',
    text: '/example price team 59.00',
    tool: 'prices.update',
    kind: 'approve',
    deciders: () => [approverA, approverB],
    done: /The price of team is 59\.00 EUR now\..*receipt/i,
    effect: `select from prices where product = 'team' and price = 59.00`,
    rows: 1,
    blocked: '/example price team cheap',
    why: /args_invalid/,
  },
  {
    file: 'note',
    text: '/example note Prefers to be called in the morning',
    tool: 'customers.note',
    kind: 'confirm',
    deciders: () => [requester],
    done: /Noted about customer 7\..*receipt/i,
    effect: `select from customer_notes where note = 'Prefers to be called in the morning'`,
    rows: 1,
    blocked: '/example note',
    why: /args_invalid/,
  },
];

describe('the examples', { timeout: 600_000 }, () => {
  it('are listed for a word that is none of them', async () => {
    for (const text of ['/example', '/example constructor', '/example everything'])
      await requester.say(text).then(() => requester.answerTo(text, /payment, delete, newsletter/));
  });

  for (const { file, text, tool, kind, deciders, done, effect, rows, blocked, why } of examples) {
    it(`${file}: asks the right people, has its effect once, and says so`, async () => {
      const id = await ask(text, tool, kind);
      const people = deciders();
      const outsider = people.includes(requester) ? approverA : requester;
      await outsider.vote(id, 'approve');
      for (const decider of people) {
        assert.equal(await count(effect), 0, `before ${decider.principal}`);
        assert.equal((await decider.vote(id, 'approve')).status, 303);
      }
      await requester.answerTo(text, done, 60_000);
      assert.equal(await count(effect), rows);
    });

    it(`${file}: says why not, and does nothing, when the policy or a person says no`, async () => {
      const before = await count(effect);
      await requester.say(blocked);
      await requester.answerTo(blocked, why);
      const id = await ask(text, tool, kind);
      await deciders()[0]?.vote(id, 'reject', 'not this time');
      await requester.answerTo(text, /rejected.*not this time/i, 60_000);
      assert.equal(await count(effect), before);
    });
  }

  it('leave no execution behind that waits', async () => {
    await eventually('no waiting execution', 30_000, async () => {
      const waiting = await stack.n8n(`select from execution_entity where status = 'waiting'`);
      return { done: waiting.length === 0, seen: String(waiting.length) };
    });
  });
});
