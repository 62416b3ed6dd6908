import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { uuidv7 } from '../../../gateway/envelope/index.ts';
import { addRun, addSteps, call, question } from './agent-runs.ts';
import { startWeb, type WebStandIn } from './stand-in.ts';
import { asNew, visits } from './visit.ts';

let web: WebStandIn;
before(async () => {
  web = await startWeb();
});
after(() => web.stop());
beforeEach(() => asNew(web));
const { get, post } = visits(() => web);

const receipt = '0193fd0a-4c1e-7b12-8aaa-000000000007';
const secretText = 'The account of ACME is DE02 1203.';
const told = (): Record<string, unknown>[] => [
  ...question(secretText),
  ...call('c1_0', 'ledger.balance', '{"account":"DE02"}', { status: 'succeeded', receipt }),
];

describe('a run whose key is missing', () => {
  it('says what is missing and what an administrator does about it, for as long as it waits', async () => {
    const lacks = {
      code: 'model_key_missing',
      text: 'The secret models/key is not set.',
      next: 'Run gatehouse secret set models/key.',
    };
    const id = await addRun(web.pool, { state: 'waiting', lacks });
    const page = (await get(`/runs/${id}`, web.signInAs('requester'))).text;
    assert.match(page, /its key cannot be had. The secret models\/key is not set.*gatehouse secret set/);
    await web.pool.query('update agent_runs set lacks = null where id = $1', [id]);
    assert.doesNotMatch((await get(`/runs/${id}`, web.signInAs('requester'))).text, /its key cannot be had/);
  });
});

describe('a run whose message brought files', () => {
  it('names each to its own person, with its size and why one cannot be had', async () => {
    const files = ['a.csv', 'b.csv', 'c.csv'].map((name) => ({ id: uuidv7(), name, bytes: 2048 }));
    const [kept, gone, pending] = files.map(({ id }) => id);
    const message = `slack:${uuidv7()}`;
    await web.pool.query(
      `insert into messages (id, channel, session_key, principal, event, state, envelope)
       values ($1, 'slack', 's', 'requester', 'created', 'running', $2)`,
      [message, JSON.stringify({ data: { content: { text: 'see' }, attachments: files } })],
    );
    await web.pool.query(
      `insert into attachments (id, message_id, session_key, principal, name, mime, bytes, content, flaw, due_at)
       select id, $1, 's', 'requester', 'x', 'text/csv', 2048, case when flaw is null and due is null then 'ab'::bytea end, flaw, due
       from (values ($2::uuid, null::text, null::timestamptz), ($3, 'gone', null), ($4, null, now())) as f (id, flaw, due)`,
      [message, kept, gone, pending],
    );
    const id = await addRun(web.pool, { message_id: message });
    const page = (await get(`/runs/${id}`, web.signInAs('requester'))).text;
    assert.match(page, /a\.csv<\/span> <span class="muted">2 kB<\/span><\/li>/);
    assert.match(
      page,
      /b\.csv<\/span> <span class="muted">2 kB<\/span> <span class="muted">cannot be had: it was deleted there/,
    );
    assert.match(
      page,
      /c\.csv<\/span> <span class="muted">2 kB<\/span> <span class="muted">is being fetched/,
    );
    assert.doesNotMatch((await get(`/runs/${id}`, web.signInAs('approver-a'))).text, /[abc]\.csv/);
  });
});

describe('the list of runs', () => {
  it('shows people their own runs, and all of them to who may read every receipt', async () => {
    const own = await addRun(web.pool, { model_steps: 3, cost: 12_300 }, question('Done.'));
    const others = await addRun(web.pool, { principal: 'approver-a', task: 'extract' });
    const mine = (await get('/runs', web.signInAs('requester'))).text;
    assert.ok(mine.includes(own) && !mine.includes(others));
    assert.match(mine, /large/);
    assert.match(mine, /0\.0123 EUR/);
    const all = (await get('/runs', web.signInAs('approver-a'))).text;
    assert.ok(all.includes(own) && all.includes(others));
    assert.match(all, /Robin Requester/);
    // Administrators steer the installation; receipts and runs of others are not theirs to read.
    const admins = (await get('/runs', web.signInAs('admin'))).text;
    assert.ok(!admins.includes(own) && !admins.includes(others));
    assert.equal((await get('/runs')).status, 401);
  });

  it('goes on where a page ended, and leaves out what is over where that is wished', async () => {
    const ids: string[] = [];
    for (let number = 0; number < 31; number += 1)
      ids.push(await addRun(web.pool, { principal: 'admin', state: 'done', finished_at: new Date() }));
    const open = await addRun(web.pool, { principal: 'admin' });
    const session = web.signInAs('admin');
    const first = (await get('/runs', session)).text;
    const [, after = ''] = /after=([0-9a-f-]+)/.exec(first) ?? [];
    const second = (await get(`/runs?after=${after}`, session)).text;
    assert.ok(first.includes(open) && !first.includes(`/runs/${ids[0]}`));
    assert.ok(second.includes(`/runs/${ids[0]}`) && !second.includes(open));
    const under = (await get('/runs?show=open', session)).text;
    assert.ok(under.includes(open) && !under.includes(String(ids[30])));
  });
});

describe('the page of a run', () => {
  it('reads as a timeline: question, choice of the model, call, receipt, end', async () => {
    const id = await addRun(
      web.pool,
      {
        ...{ state: 'stopped', ended_by: 'budget', finished_at: new Date() },
        ...{
          result: { text: 'Until then: ledger.balance succeeded.' },
          model_steps: 1,
          calls: 1,
          tokens_in: 812,
        },
      },
      told(),
    );
    const { text, status } = await get(`/runs/${id}`, web.signInAs('requester'));
    assert.equal(status, 200);
    for (const part of [
      'Asked large',
      'small has no room for the conversation',
      '812 in, 64 out',
      '0.001655 EUR',
      'ledger.balance',
      `/receipts#r-${receipt}`,
      'A budget had not enough left.',
      'Until then: ledger.balance succeeded.',
      '1 of 30',
    ])
      assert.ok(text.includes(part), part);
    assert.ok(text.indexOf('Asked large') < text.indexOf('/receipts#r-'));
  });

  it('shows what was said to its own person alone, and digests to others who may look', async () => {
    const id = await addRun(
      web.pool,
      { result: { text: 'It is DE02 1203.' }, finished_at: new Date(), state: 'done' },
      told(),
    );
    const own = (await get(`/runs/${id}`, web.signInAs('requester'))).text;
    assert.ok(own.includes(secretText) && own.includes('{&quot;account&quot;:&quot;DE02&quot;}'));
    const reviewer = (await get(`/runs/${id}`, web.signInAs('approver-a'))).text;
    assert.ok(reviewer.includes('Asked large') && reviewer.includes('sha256:'));
    assert.ok(!reviewer.includes('DE02'));
    assert.ok(!reviewer.includes(`action="/runs/${id}`));
  });

  it('is not there for anybody else, nor for a name that is no id', async () => {
    const id = await addRun(web.pool, {}, told());
    const none = await get('/runs/0193fd0a-4c1e-7b12-8aaa-0000000000ff', web.signInAs('admin'));
    for (const path of [`/runs/${id}`, `/runs/${id}/events`, "/runs/'or'1'='1", '/runs/..%2f..%2fpolicy']) {
      const { status, text } = await get(path, web.signInAs('admin'));
      assert.equal(status, 404, path);
      const blank = (page: string): string => page.replace(/(nonce="|csrf" value=")[^"]*/g, '$1');
      if (path === `/runs/${id}`) assert.equal(blank(text), blank(none.text));
    }
    assert.equal((await get(`/runs/${id}`)).status, 401);
  });

  it('shows markup in names and messages as text', async () => {
    const evil = '<img src=x onerror=alert(1)>';
    const id = await addRun(
      web.pool,
      { task: 'plan', result: { text: evil }, finished_at: new Date(), state: 'done' },
      [
        ...question(evil, { content: { text: `<script>${evil}</script>`, calls: [] } }),
        {
          kind: 'call',
          digest: 'sha256:1',
          content: { name: evil, args: evil },
          facts: { call: 'c1_0', tool: null },
        },
        { kind: 'message', content: { text: evil }, facts: { by: 'person' } },
        { kind: 'prompt', model: evil, facts: { passed: [`${evil}:<b>`], endpoint: evil } },
      ],
    );
    const { text } = await get(`/runs/${id}`, web.signInAs('requester'));
    assert.ok(text.includes('&lt;img src=x'));
    assert.ok(!text.includes('<img') && !text.includes('<b>') && !/<script>/.test(text));
  });

  it('tells a page what is new, and only that', async () => {
    const id = await addRun(web.pool, {}, question('One.'));
    const session = web.signInAs('requester');
    const [, address = ''] = /sse-connect="([^"]+)"/.exec((await get(`/runs/${id}`, session)).text) ?? [];
    const abort = new AbortController();
    const stream = await fetch(web.base + address, { headers: session, signal: abort.signal });
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.match(String((await reader?.read())?.value), /^: still here/);
    await addSteps(web.pool, id, call('c2_0', 'ledger.balance', '{}'), 3);
    await web.pool.query(`select pg_notify('agent_runs', $1)`, [id]);
    const news = String((await reader?.read())?.value);
    assert.match(news, /beforeend:#timeline/);
    assert.match(news, /id="s-3"/);
    assert.doesNotMatch(news, /id="s-1"|run-controls/);
    abort.abort();
  });
});

describe('steering a run', () => {
  const form = (): { cookie: string; csrf: string } => web.signInAs('requester');

  it('pauses, resumes, stops and says something for its own person', async () => {
    const id = await addRun(web.pool);
    const { cookie, csrf } = form();
    for (const verb of ['pause', 'resume', 'stop']) {
      const { status, headers } = await post(`/runs/${id}/${verb}`, { csrf }, { cookie });
      assert.deepEqual([status, headers.get('location')], [303, `/runs/${id}`]);
    }
    await post(`/runs/${id}/messages`, { csrf, text: 'Only May,\r\nplease.' }, { cookie });
    const by = { signedIn: 'requester' };
    assert.deepEqual(web.state.steered, [
      ['pause', by, id],
      ['resume', by, id],
      ['stop', by, id],
      ['say', by, id, 'Only May,\nplease.'],
    ]);
  });

  it('says what was wrong, and keeps what was typed', async () => {
    const id = await addRun(web.pool);
    const { cookie, csrf } = form();
    const long = await post(`/runs/${id}/messages`, { csrf, text: 'x'.repeat(20_001) }, { cookie });
    assert.equal(long.status, 400);
    assert.match(long.text, /GH-WEB-071/);
    web.state.refuse = new GatehouseError('GH-AGENT-011', 'The run is over: done.', { status: 409 });
    const late = await post(`/runs/${id}/messages`, { csrf, text: 'Only May <b>' }, { cookie });
    web.state.refuse = null;
    assert.equal(late.status, 409);
    assert.match(late.text, /The run is over: done\./);
    assert.match(late.text, /Only May &lt;b&gt;/);
    assert.deepEqual(web.state.steered, []);
  });

  it('does nothing for a stranger, a reviewer, a forged form or another site', async () => {
    const id = await addRun(web.pool);
    const { cookie, csrf } = form();
    const stranger = web.signInAs('admin');
    const reviewer = web.signInAs('approver-a');
    const of = (session: { cookie: string; csrf: string }) =>
      [{ csrf: session.csrf }, { cookie: session.cookie }] as const;
    for (const verb of ['pause', 'resume', 'stop', 'messages']) {
      const path = `/runs/${id}/${verb}`;
      assert.equal((await post(path, ...of(stranger))).status, 404);
      assert.equal((await post(path, ...of(reviewer))).status, 404);
      assert.equal((await post(path, { csrf: `${csrf.slice(0, -1)}!` }, { cookie })).status, 403);
      assert.equal((await post(path, {}, { cookie })).status, 403);
      assert.equal((await post(path, { csrf: stranger.csrf }, { cookie })).status, 403);
      assert.equal((await post(path, { csrf }, { cookie, origin: 'https://evil.example.com' })).status, 403);
      assert.equal((await post(path, { csrf })).status, 401);
      assert.equal((await get(path, { cookie })).status, 404);
    }
    assert.deepEqual(web.state.steered, []);
  });
});
