import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunContext } from '../../../gateway/policy/index.ts';
import { until } from '../approvals/support.ts';
import { asked, openRun } from './house.ts';
import { calls, resultsIn, runIn, says, workingHouse } from './support.ts';

const { at, house } = await workingHouse();

const payment = { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };
const last = () => at.model.asked.at(-1) ?? assert.fail('nothing was asked');
const paid = async (reference: string): Promise<number> =>
  (await at.demo.query('select from ledger where reference = $1', [reference])).rows.length;
/** The decision that a waiting run asks people about. */
async function asking(context: RunContext, id: string): Promise<string> {
  const { waitsFor } = await runIn(house, context, id, 'waiting');
  return waitsFor[0] ?? assert.fail('nobody was asked');
}
const vote = (approvalId: string, verdict: 'approve' | 'reject') =>
  house.approvals.vote({ approvalId, principal: 'approver-a', verdict, channel: 'web' });

test('a run calls two tools at once and answers with what they said', async () => {
  at.model.script = says(calls(['ledger.balance', {}], ['gatehouse.whoami', {}]), {
    text: 'You have money.',
  });
  const context = await openRun(house.pool, { text: 'How much do we have?' });
  const { id } = await house.agent.start(context, asked());
  const done = await runIn(house, context, id, 'done');
  assert.deepEqual([done.endedBy, done.result?.text], ['answer', 'You have money.']);
  const results = resultsIn(last());
  assert.equal(results.length, 2);
  assert.match(results[0] ?? '', /^status: succeeded[\s\S]*balance/);
  assert.deepEqual([done.used.steps, done.used.calls, done.used.cost], [2, 2, 2 * (10 * 1 + 10 * 2)]);
  assert.deepEqual(at.model.problems, []);
});

test('the same step of the same message is the same run', async () => {
  at.model.script = says({ text: 'Once.' });
  const context = await openRun(house.pool);
  const first = await house.agent.start(context, asked());
  const before = at.model.asked.length;
  await runIn(house, context, first.id, 'done');
  assert.equal((await house.agent.start(context, asked())).id, first.id);
  assert.equal(at.model.asked.length - before <= 1, true);
});

test('a denied call tells the model its code and what to do next, and has no effect', async () => {
  at.model.script = says(calls(['customers.note', { customer: 'nobody', note: 'x' }]), { text: 'Not done.' });
  const context = await openRun(house.pool);
  const { id } = await house.agent.start(context, asked());
  await runIn(house, context, id, 'done');
  assert.match(
    resultsIn(last())[0] ?? '',
    /^status: denied\ncode: args_invalid\nnext: Do not repeat this call/,
  );
  assert.equal((await at.demo.query('select from customer_notes')).rows.length, 0);
});

test('tools that the actor could never be allowed are not offered, and calling one anyway reaches no rule', async () => {
  const guest = {
    principal: 'guest',
    display: 'Guest',
    roles: ['guest'],
    groups: [],
    standing: 'guest' as const,
  };
  at.model.script = says(calls(['ledger.transfer', payment]), { text: 'No.' });
  const context = await openRun(house.pool, { principal: 'guest', actor: guest });
  const { id } = await house.agent.start(context, asked());
  await runIn(house, context, id, 'done');
  const names = last().tools.map(({ name }) => name);
  assert.ok(names.includes('gatehouse_help') && !names.includes('ledger_transfer'), names.join());
  assert.match(resultsIn(last())[0] ?? '', /code: tool_not_offered/);
  const { rows } = await house.pool.query('select from decisions where message_id = $1', [context.messageId]);
  assert.equal(rows.length, 0);
  at.model.problems.splice(0);
});

test('a caller narrows the tools, and cannot widen them', async () => {
  at.model.script = says({ text: 'Fine.' });
  const context = await openRun(house.pool);
  const { id } = await house.agent.start(context, asked({ tools: ['ledger.balance', 'no.such-tool'] }));
  await runIn(house, context, id, 'done');
  assert.deepEqual(
    last().tools.map(({ name }) => name),
    ['ledger_balance'],
  );
});

test('a call that asks suspends the run, and it goes on by itself once people approved it', async () => {
  at.model.script = says(calls(['ledger.transfer', payment], ['ledger.balance', {}]), { text: 'Paid.' });
  const context = await openRun(house.pool, { text: 'Pay 120 EUR to ACME, invoice-42' });
  const { id } = await house.agent.start(context, asked());
  const decision = await asking(context, id);
  assert.equal(await paid('invoice-42'), 0);
  const { rows } = await house.pool.query<{ owner: string | null }>(
    'select owner from agent_runs where id = $1',
    [id],
  );
  assert.equal(rows[0]?.owner, null, 'nothing holds a run that waits');
  await vote(decision, 'approve');
  const done = await runIn(house, context, id, 'done');
  assert.equal(done.result?.text, 'Paid.');
  assert.equal(await paid('invoice-42'), 1);
  assert.equal(done.used.steps, 2);
  assert.deepEqual(at.model.problems, []);
});

test('a rejected call tells the model, and nothing is done', async () => {
  at.model.script = says(calls(['ledger.transfer', { ...payment, reference: 'invoice-43' }]), {
    text: 'Rejected.',
  });
  const context = await openRun(house.pool, { text: 'Pay 120 EUR to ACME, invoice-43' });
  const { id } = await house.agent.start(context, asked());
  await vote(await asking(context, id), 'reject');
  await runIn(house, context, id, 'done');
  assert.match(resultsIn(last())[0] ?? '', /^status: not_approved\ncode: rejected\nnext: Nothing was done/);
  assert.equal(await paid('invoice-43'), 0);
});

test('stopping a waiting run takes back what it asked, and an approval that comes later does nothing', async () => {
  at.model.script = says(calls(['ledger.transfer', { ...payment, reference: 'invoice-44' }]));
  const context = await openRun(house.pool, { text: 'Pay 120 EUR to ACME, invoice-44' });
  const { id } = await house.agent.start(context, asked());
  const decision = await asking(context, id);
  const stopped = await house.agent.stop(context, id);
  assert.deepEqual([stopped.state, stopped.endedBy], ['stopped', 'person']);
  await assert.rejects(vote(decision, 'approve'), { code: 'GH-APPROVAL-004' });
  assert.equal(await paid('invoice-44'), 0);
  await assert.rejects(house.agent.resume(context, id), { code: 'GH-AGENT-011' });
});

test('a message joins the run before its next step', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  at.model.script = async ({ turns }) => {
    if (turns.some(({ text }) => text.includes('In French, please'))) return { text: 'Bonjour.' };
    await held;
    return { text: 'Hello.' };
  };
  const before = at.model.asked.length;
  const context = await openRun(house.pool);
  const { id } = await house.agent.start(context, asked());
  await until(() => at.model.asked.length > before);
  await house.agent.say({ ...context, text: 'In French, please' }, id, null);
  release();
  const done = await runIn(house, context, id, 'done');
  assert.equal(done.result?.text, 'Bonjour.');
  const roles = last().turns.map(({ role }) => role);
  assert.deepEqual(roles, ['system', 'user', 'assistant', 'user'], 'what was sent before stays as it was');
});

test('a paused run goes on where it was, and what a model said meanwhile is kept', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const before = at.model.asked.length;
  at.model.script = async ({ turns }) => {
    if (turns.at(-1)?.role === 'tool') return { text: 'Done.' };
    await held;
    return calls(['ledger.balance', {}]);
  };
  const context = await openRun(house.pool);
  const { id } = await house.agent.start(context, asked());
  await until(() => at.model.asked.length > before);
  await house.agent.pause(context, id);
  release();
  await until(async () => (await house.agent.show(context, id)).steps.some(({ kind }) => kind === 'answer'));
  const paused = await house.agent.show(context, id);
  assert.equal(paused.state, 'paused');
  const { rows } = await house.pool.query('select from decisions where message_id = $1', [context.messageId]);
  assert.equal(rows.length, 0, 'what it asks for is not done yet');
  await house.agent.resume(context, id);
  await runIn(house, context, id, 'done');
  assert.equal(at.model.asked.length - before, 2, 'the answer was not paid twice');
});

test('another person and another conversation see and steer nothing of a run', async () => {
  at.model.script = says({ text: 'Mine.' });
  const context = await openRun(house.pool);
  const { id } = await house.agent.start(context, asked());
  for (const other of [{ principal: 'approver-a' }, { sessionKey: 'another' }])
    for (const way of ['show', 'pause', 'resume', 'stop'] as const)
      await assert.rejects(house.agent[way]({ ...context, ...other }, id), { code: 'GH-AGENT-010' });
  await assert.rejects(house.agent.say({ ...context, principal: 'approver-a' }, id, 'x'), {
    code: 'GH-AGENT-010',
  });
  await runIn(house, context, id, 'done');
});

test('the same call with the same result is cut at the third time', async () => {
  at.model.script = () => calls(['ledger.balance', {}]);
  const context = await openRun(house.pool);
  const { id } = await house.agent.start(context, asked());
  const stopped = await runIn(house, context, id, 'stopped');
  assert.equal(stopped.endedBy, 'loop');
  assert.equal(stopped.used.calls, 3);
  assert.match(
    stopped.result?.text ?? '',
    /three times\.\nUntil then: ledger\.balance succeeded \(3 times\)\./,
  );
});

test('structured output is mended once, and refused after that', async () => {
  const schema = { type: 'object', properties: { total: { type: 'number' } }, required: ['total'] };
  const context = await openRun(house.pool);
  at.model.script = says({ text: 'It is 7.' }, { text: '```json\n{"total": 7}\n```' });
  const first = await house.agent.start(context, asked({ schema }));
  assert.deepEqual((await runIn(house, context, first.id, 'done')).result?.output, { total: 7 });
  at.model.script = () => ({ text: '{"total": "seven"}' });
  const second = await house.agent.start(context, asked({ schema, step: 'agent:1:0' }));
  const failed = await runIn(house, context, second.id, 'failed');
  assert.deepEqual([failed.endedBy, failed.used.steps], ['output_invalid', 2]);
  await assert.rejects(house.agent.start(context, asked({ schema: { type: 'nonsense' }, step: 'z' })), {
    code: 'GH-AGENT-007',
  });
});

test('an answer that was cut off is not taken for one', async () => {
  at.model.script = says({ text: 'To be contin', cut: true });
  const context = await openRun(house.pool);
  const { id } = await house.agent.start(context, asked());
  assert.equal((await runIn(house, context, id, 'failed')).endedBy, 'answer_cut');
});

test('arguments that are no JSON object, a name that is not offered and a NUL are answered, not run', async () => {
  at.model.script = ({ turns }) =>
    turns.at(-1)?.role === 'tool'
      ? { text: 'zero\0byte' }
      : {
          calls: [
            { name: 'ledger_balance', args: '{"a":' },
            { name: 'ledger.balance', args: {} },
            { name: 'x\0', args: '[]' },
          ],
        };
  const context = await openRun(house.pool);
  const { id } = await house.agent.start(context, asked());
  const done = await runIn(house, context, id, 'done');
  assert.equal(done.result?.text, 'zerobyte');
  assert.deepEqual(
    resultsIn(last()).map((text) => /^code: (.*)$/m.exec(text)?.[1]),
    ['args_invalid', 'tool_not_offered', 'tool_not_offered'],
  );
  at.model.problems.splice(0);
});
