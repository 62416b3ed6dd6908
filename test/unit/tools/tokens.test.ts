import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { transaction } from '../../../gateway/db/index.ts';
import type { RunContext } from '../../../gateway/policy/index.ts';
import { release, reserve, settleUsed } from '../../../gateway/policy/reservations.ts';
import { createTools, type Execution, type Tools } from '../../../gateway/tools/index.ts';
import { policiesWith, runOf } from '../policy/support.ts';
import { approve, bench, type Bench } from './support.ts';

const released: (() => Promise<void>)[] = [];
let at: Bench;
let tools: Tools;
/** A model that says how much it used, or whatever else it is told to answer. */
let model: Server;
let answer: string;
const seen: { body: unknown; type: string | undefined }[] = [];
let person = 0;
let message = 0;

before(async () => {
  model = createServer((request, response) => {
    void readBody(request).then((body) => {
      seen.push({ body: JSON.parse(body), type: request.headers['content-type'] });
      response.end(answer);
    });
  });
  await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(model.address() as AddressInfo).port}`;
  const folder = await policiesWith(
    {
      'limits.yaml': `pendingAsks: 100
default:
  sender: { messages: 30, seconds: 60, queue: 120 }
  channel: { messages: 6000, seconds: 60, queue: 60000 }
budgets:
  - { name: own-tokens, per: person-day, tool: model.chat, tokens: 1000 }
  - { name: own-calls, per: person-day, tool: model.chat, calls: 50 }
`,
      'tools/model.chat.yaml': `name: model.chat
title: Ask the model
description: Asks the model of the house.
risk: unclassified
args:
  type: object
  properties:
    method: { type: string, const: POST }
    url: { type: string, const: 'http://${host}/v1/chat' }
    body:
      type: object
      properties:
        prompt: { type: string, maxLength: 2000 }
        max_tokens: { type: integer, minimum: 1, maximum: 800 }
      required: [prompt, max_tokens]
      additionalProperties: false
  required: [method, url, body]
  additionalProperties: false
kinds: { method: redirects, url: redirects, body: content }
tokens: { most: /body/max_tokens, used: /usage/total_tokens }
sentence: Ask the model
done: Asked the model
idempotencyKey: none
egress: { hosts: ['${host}'], methods: [POST], privateNetworks: [127.0.0.0/8] }
connector: { kind: http }
preview: { none: A model cannot be tried out. }
`,
    },
    { after: (work) => released.push(work) },
  );
  at = await bench({}, folder);
  tools = createTools(at.deps);
});
after(async () => {
  await at.close();
  await new Promise((resolve) => model.close(resolve));
  for (const work of released) await work();
});
beforeEach(() => {
  person += 1;
});

async function readBody(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}

const run = (): RunContext => {
  message += 1;
  return runOf({
    messageId: `web:local:c1:${message}:0`,
    runId: `00000000-0000-7000-8000-${String(message).padStart(12, '0')}`,
    principal: `reader-${person}`,
    sessionKey: `session-${person}`,
  });
};
const call = (most: number): { tool: string; args: object; step: string } => {
  const { url, method } = at.catalogue.get('model.chat')?.args.properties as Record<
    string,
    { const: string }
  >;
  return {
    tool: 'model.chat',
    args: { method: method?.const, url: url?.const, body: { prompt: 'hello', max_tokens: most } },
    step: 'x:0:0',
  };
};
async function asks(most: number, says: string): Promise<Execution> {
  const of = run();
  answer = says;
  const decision = await at.policy.decide(of, call(most));
  assert.equal(decision.effect, 'approve', JSON.stringify(decision.reasons));
  return tools.execute(of, { ...call(most), grant: await approve(at, decision.id) });
}
async function used(budget = 'own-tokens'): Promise<number> {
  const { rows } = await at.db.pool.query<{ used: number }>(
    'select used::int as used from budgets where budget = $1 and holder = $2',
    [budget, `reader-${person}`],
  );
  return rows[0]?.used ?? 0;
}

test('a model is asked in JSON, and what it did not use is given back', async () => {
  assert.equal((await asks(800, '{"usage":{"total_tokens":120}}')).status, 'succeeded');
  assert.deepEqual(seen.at(-1), { body: { prompt: 'hello', max_tokens: 800 }, type: 'application/json' });
  assert.deepEqual([await used(), await used('own-calls')], [120, 1]);
});

test('one that does not say what it used has used all that it might', async () => {
  for (const says of ['{}', 'overloaded', '{"usage":{"total_tokens":"3"}}', '{"usage":{"total_tokens":-3}}'])
    await asks(200, says);
  assert.equal(await used(), 800);
});

test('one that used more than it might ends its budget, and never more than that', async () => {
  await asks(800, '{"usage":{"total_tokens":999999}}');
  assert.equal(await used(), 1000);
  const decision = await at.policy.decide(run(), call(1));
  assert.deepEqual(decision.reasons, [
    {
      code: 'budget_exceeded',
      text: 'The budget own-tokens is not enough for this: 0 tokens are left today.',
    },
  ]);
});

test('a call that asks for more than is left is refused before anybody is asked, and told what is left', async () => {
  await asks(800, '{"usage":{"total_tokens":300}}');
  const decision = await at.policy.decide(run(), call(701));
  assert.equal(decision.effect, 'deny');
  assert.match(decision.reasons[0]?.text ?? '', /700 tokens are left today/);
  assert.equal((await at.policy.decide(run(), call(700))).effect, 'approve');
});

test('however many ask at once, they are granted what the budget holds and charged what they used', async () => {
  answer = '{"usage":{"total_tokens":10}}';
  const ready = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const of = run();
      const decision = await at.policy.decide(of, call(400));
      return { of, grant: await approve(at, decision.id) };
    }),
  );
  const answers = await Promise.all(ready.map(({ of, grant }) => tools.execute(of, { ...call(400), grant })));
  const done = answers.filter(({ status }) => status === 'succeeded').length;
  // Two fit at a time; a later one may find what the first gave back.
  assert.ok(done >= 2, `${done} were made`);
  assert.equal(await used(), done * 10);
});

test('tokens are settled alone: money and calls of the same decision stay taken', async () => {
  const charge = { holder: `reader-${person}`, daily: false, allowed: 1000 };
  await transaction(at.db.pool, (tx) =>
    reserve(tx, 'dec_settled', [
      { ...charge, budget: 't', amount: 500, unit: 'tokens' },
      { ...charge, budget: 'm', amount: 500, unit: 'EUR' },
      { ...charge, budget: 'c', amount: 1, unit: 'calls' },
    ]),
  );
  await transaction(at.db.pool, (tx) => settleUsed(tx, 'dec_settled', { tokens: 7 }));
  assert.deepEqual([await used('t'), await used('m'), await used('c')], [7, 500, 1]);
  // What is given back afterwards is what was charged.
  await transaction(at.db.pool, (tx) => release(tx, 'dec_settled'));
  assert.deepEqual([await used('t'), await used('m'), await used('c')], [0, 0, 0]);
});

test('several units are settled at once, each up to the end of its own budget', async () => {
  const charge = { holder: `writer-${person}`, daily: false, allowed: 1000 };
  const settled = async (budget: string): Promise<number | undefined> => {
    const { rows } = await at.db.pool.query<{ used: number }>(
      'select used from budgets where budget = $1 and holder = $2',
      [budget, charge.holder],
    );
    return rows[0]?.used;
  };
  await transaction(at.db.pool, (tx) =>
    reserve(tx, 'dec_several', [
      { ...charge, budget: 't', amount: 500, unit: 'tokens' },
      { ...charge, budget: 'm', amount: 500, unit: 'EUR' },
      { ...charge, budget: 'c', amount: 5, unit: 'calls' },
    ]),
  );
  await transaction(at.db.pool, (tx) => settleUsed(tx, 'dec_several', { tokens: 8, EUR: 2000 }));
  assert.deepEqual([await settled('t'), await settled('m'), await settled('c')], [8, 1000, 5]);
});
