import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createTools, type Tools } from '../../../gateway/tools/index.ts';
import { uuidv7 } from '../../../gateway/envelope/index.ts';
import { runOf } from '../policy/support.ts';
import { approve, bench, type Bench } from './support.ts';

let at: Bench;
let tools: Tools;
let message = 0;
const run = (): ReturnType<typeof runOf> =>
  runOf({ messageId: `web:local:c1:${message}:0`, words: ['120', 'EUR', 'ACME', 'invoice-42'] });
const payment = (amount = '120.00'): { tool: string; args: Record<string, string> } => ({
  tool: 'ledger.transfer',
  args: { amount, currency: 'EUR', payee: 'ACME', reference: `invoice-${message}` },
});
const rows = async (): Promise<number> =>
  (await at.demo.query('select from ledger where reference = $1', [`invoice-${message}`])).rows.length;

before(async () => {
  at = await bench();
  tools = createTools(at.deps);
});
after(() => at.close());
beforeEach(() => {
  message += 1;
});

async function approved(): Promise<string> {
  const decision = await at.policy.decide(run(), { ...payment(), step: 'check:0:0' });
  assert.equal(decision.effect, 'approve');
  return approve(at, decision.id);
}

test('an allowed read decides for itself and answers in a sentence', async () => {
  const done = await tools.execute(run(), { tool: 'ledger.balance', args: {}, step: 'x:0:0' });
  assert.equal(done.status, 'succeeded');
  assert.match(done.text ?? '', /^The balance is [\d,]+\.00 EUR\.$/);
  assert.match(done.receipt ?? '', /^[0-9a-f-]{36}$/);
});

test('a payment without approval does not run', async () => {
  const held = await tools.execute(run(), { ...payment(), step: 'x:0:0' });
  assert.equal(held.status, 'needs_approval');
  assert.equal(await rows(), 0);
});

test('an approved payment is booked exactly once, however often it is asked for', async () => {
  const grant = await approved();
  const call = { ...payment(), grant, step: 'x:0:0' };
  const answers = await Promise.all([1, 2, 3, 4].map(() => tools.execute(run(), call)));
  assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set(['succeeded']));
  assert.equal(answers.filter((answer) => !answer.replayed).length, 1);
  const again = await tools.execute(run(), call);
  assert.equal(again.replayed, true);
  assert.equal(again.text, `Paid 120.00 EUR to ACME (invoice-${message}).`);
  assert.equal(await rows(), 1);
});

test('execution without a grant uses the one unused grant of its message', async () => {
  await approved();
  const done = await tools.execute(run(), { ...payment(), step: 'x:0:0' });
  assert.equal(done.status, 'succeeded');
  assert.equal(await rows(), 1);
});

test('with two unused grants for one call none is guessed', async () => {
  for (const step of ['check:0:0', 'check:0:1']) {
    const decision = await at.policy.decide(run(), { ...payment(), step });
    await approve(at, decision.id);
  }
  assert.equal((await tools.execute(run(), { ...payment(), step: 'x:0:0' })).status, 'needs_approval');
});

const attacks: [string, string, (grant: string) => Promise<Awaited<ReturnType<Tools['execute']>>>][] = [
  [
    'the same grant from another step',
    'grant_spent',
    async (grant) => {
      await tools.execute(run(), { ...payment(), grant, step: 'x:0:0' });
      return tools.execute(run(), { ...payment(), grant, step: 'x:0:1' });
    },
  ],
  [
    'one changed byte',
    'grant_other_call',
    (grant) => tools.execute(run(), { ...payment('120.01'), grant, step: 'x:0:0' }),
  ],
  [
    'the same arguments for another tool',
    'grant_other_call',
    (grant) => tools.execute(run(), { tool: 'customers.export', args: {}, grant, step: 'x:0:0' }),
  ],
  [
    'another message of the same person',
    'grant_other_run',
    (grant) =>
      tools.execute({ ...run(), messageId: 'web:local:c1:other:0' }, { ...payment(), grant, step: 'x:0:0' }),
  ],
  [
    'another session',
    'grant_other_run',
    (grant) =>
      tools.execute({ ...run(), sessionKey: 'someone-else' }, { ...payment(), grant, step: 'x:0:0' }),
  ],
  [
    'a late use',
    'grant_late',
    async (grant) => {
      await at.db.pool.query(`update grants set expires_at = now() - interval '1 second' where id = $1`, [
        grant,
      ]);
      return tools.execute(run(), { ...payment(), grant, step: 'x:0:0' });
    },
  ],
  [
    'a grant of an earlier epoch',
    'grant_old_epoch',
    (grant) => {
      at.epoch.bump();
      return tools.execute(run(), { ...payment(), grant, step: 'x:0:0' });
    },
  ],
  [
    'a grant of other rules',
    'grant_old_rules',
    async (grant) => {
      await at.db.pool.query(`update grants set policy_version = 'sha256:old' where id = $1`, [grant]);
      return tools.execute(run(), { ...payment(), grant, step: 'x:0:0' });
    },
  ],
  [
    'a guessed grant',
    'grant_unknown',
    () => tools.execute(run(), { ...payment(), grant: 'grant_guess', step: 'x:0:0' }),
  ],
  [
    'the kill switch',
    'kill_switch',
    async (grant) => {
      await at.policy.setKillSwitch({ engaged: true, reason: 'drill', by: 'admin' });
      try {
        return await tools.execute(run(), { ...payment(), grant, step: 'x:0:0' });
      } finally {
        await at.policy.setKillSwitch({ engaged: false, reason: 'drill', by: 'admin' });
      }
    },
  ],
];
for (const [name, code, attack] of attacks) {
  test(`${name} is refused as ${code}, with a receipt`, async () => {
    const grant = await approved();
    const answer = await attack(grant);
    assert.equal(answer.status, 'denied');
    assert.equal(answer.reasons?.[0]?.code, code);
    assert.ok(answer.receipt);
    assert.equal(await rows(), code === 'grant_spent' ? 1 : 0);
  });
}

test('a dry run decides and stops before the effect, and spends nothing', async () => {
  const grant = await approved();
  const dry = await tools.execute(run(), { ...payment(), grant, step: 'x:0:0', dryRun: true });
  assert.equal(dry.status, 'dry_run');
  assert.equal(await rows(), 0);
  assert.equal((await tools.execute(run(), { ...payment(), grant, step: 'x:0:0' })).status, 'succeeded');
});

test('denied and unknown tools say why', async () => {
  const exported = await tools.execute(run(), { tool: 'customers.export', args: {}, step: 'x:0:0' });
  assert.equal(exported.status, 'denied');
  assert.match(exported.text ?? '', /customer list never leaves/);
  const unknown = await tools.execute(run(), { tool: 'ledger.burn', args: {}, step: 'x:0:0' });
  assert.equal(unknown.reasons?.[0]?.code, 'tool_unknown');
});

test('a record that is not there is a failure that says so', async () => {
  const call = { tool: 'customers.delete', args: { customer: '999' } };
  const decision = await at.policy.decide(run(), { ...call, step: 'check:0:0' });
  const grant = await approve(at, decision.id);
  const answer = await tools.execute(run(), { ...call, grant, step: 'x:0:0' });
  assert.deepEqual([answer.status, answer.text], ['failed', 'There is no such customer.']);
});

test('a reply is committed with its outcome under the attempt’s id', async () => {
  const answer = await tools.execute(run(), {
    tool: 'conversation.reply',
    args: { text: 'hello' },
    step: 'x:0:0',
  });
  assert.equal(answer.status, 'succeeded');
  assert.deepEqual(at.replies.at(-1), { id: answer.attempt, text: 'hello' });
});

test('an outcome is told in the conversation once, with its receipt, however often the call is repeated', async () => {
  const grant = await approved();
  const call = { ...payment(), grant, step: 'x:0:0', reply: true };
  const told = at.replies.length;
  const first = await tools.execute(run(), call);
  const again = await tools.execute(run(), call);
  assert.deepEqual([first.replied, again.replied, again.replayed], [true, true, true]);
  assert.deepEqual(
    at.replies.slice(told).map((reply) => reply.text),
    [`Paid 120.00 EUR to ACME (invoice-${message}).\nReceipt ${first.receipt}`],
  );
});

test('a refusal is told as well, and a dry run is not', async () => {
  const told = at.replies.length;
  await tools.execute(run(), { ...payment(), grant: 'grant_of_nobody', step: 'x:0:0', reply: true });
  assert.match(at.replies.at(-1)?.text ?? '', /^There is no such grant\.\nReceipt /);
  await tools.execute(run(), { tool: 'ledger.balance', args: {}, step: 'y:0:0', dryRun: true, reply: true });
  assert.equal(at.replies.length, told + 1);
});

test('code without a sandbox never runs', async () => {
  const call = { tool: 'code.run', args: { language: 'python', code: 'print(1)' } };
  const decision = await at.policy.decide(run(), { ...call, step: 'check:0:0' });
  const grant = await approve(at, decision.id);
  const answer = await tools.execute(run(), { ...call, grant, step: 'x:0:0' });
  assert.equal(answer.reasons?.[0]?.code, 'sandbox_unavailable');
});

test('attack: a file of another conversation or person is refused as one that does not exist, before anything runs', async () => {
  const own = run();
  const others = [
    { ...run(), messageId: 'web:local:c9:1:0', sessionKey: 'another' },
    { ...run(), messageId: 'web:local:c9:2:0', principal: 'eve' },
  ];
  const attach = async ({ messageId, sessionKey, principal }: typeof own): Promise<string> => {
    const id = uuidv7();
    await at.db.pool.query(
      `insert into messages (id, channel, session_key, principal, event, state)
       values ($1, 'web', $2, $3, 'message', 'running') on conflict do nothing`,
      [messageId, sessionKey, principal],
    );
    await at.db.pool.query(
      `insert into attachments (id, message_id, session_key, principal, name, mime, bytes, sha256, content)
       values ($1, $2, $3, $4, 'a.csv', 'text/csv', 3, 'sha256:0', 'a,b')`,
      [id, messageId, sessionKey, principal],
    );
    return id;
  };
  const answerTo = async (attachment: string): Promise<unknown> => {
    const args = { language: 'python', code: 'print(1)', files: [{ path: 'a.csv', attachment }] };
    const call = { tool: 'code.run', args };
    const grant = await approve(
      at,
      (await at.policy.decide(own, { ...call, step: `check:${attachment}` })).id,
    );
    const answer = await tools.execute(own, { ...call, grant, step: `x:${attachment}` });
    return [answer.status, answer.result, answer.reasons, answer.text];
  };
  const mine = await attach(own);
  const files = await Promise.all(others.map(attach));
  const refused = await answerTo(uuidv7());
  assert.match(JSON.stringify(refused), /attachment_unknown/);
  for (const file of [...files, 'no id']) assert.deepEqual(await answerTo(file), refused);
  // One's own goes on to the sandbox, which is not there.
  assert.match(JSON.stringify(await answerTo(mine)), /sandbox_unavailable|no_runner/);
});

test('each use of a host that was decided for code is a receipt of its call', async () => {
  const args = {
    language: 'python',
    code: 'print(1)',
    egress: [{ host: 'api.example.com', paths: ['/v1'] }],
  };
  const call = { tool: 'code.run', args };
  const decision = await at.policy.decide(run(), { ...call, step: 'check:0:0' });
  assert.ok(decision.reasons.some(({ code }) => code === 'egress_needs_approval'));
  const grant = await approve(at, decision.id);
  const { attempt } = await tools.execute(run(), { ...call, grant, step: 'x:0:0' });
  const { rows } = await at.db.pool.query<{ facts: Record<string, unknown>; decision_id: string }>(
    `select facts, decision_id from receipts where kind = 'egress' and facts->>'attempt' = $1`,
    [attempt],
  );
  assert.deepEqual(
    rows.map(({ facts, decision_id }) => [facts.host, facts.method, facts.outcome, decision_id]),
    [['api.example.com', 'GET', 'ok', decision.id]],
  );
});

test('no receipt holds an argument, a grant or a secret', async () => {
  await approved();
  await tools.execute(run(), { ...payment(), step: 'x:0:0' });
  const { rows: receipts } = await at.db.pool.query<{ facts: unknown }>('select facts from receipts');
  const text = JSON.stringify(receipts);
  const url = (await at.store.get('demo/postgres')) ?? '';
  for (const hidden of ['ACME', 'invoice-', 'grant_', '120.00', new URL(url).password]) {
    assert.ok(!text.replaceAll(/"grant_[a-z_]+"/g, '').includes(hidden), `receipts show ${hidden}`);
  }
});
