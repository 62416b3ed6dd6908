import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { runOf } from '../policy/support.ts';
import { startWeb, type WebStandIn } from './stand-in.ts';
import { asNew, visits } from './visit.ts';

let web: WebStandIn;
before(async () => {
  web = await startWeb();
});
after(() => web.stop());
beforeEach(() => asNew(web));
const { get, post } = visits(() => web);

describe('receipts', () => {
  it('shows a requester their own, an approver all', async () => {
    web.state.asked.length = 0;
    await get('/receipts', web.signInAs('requester'));
    await get('/receipts', web.signInAs('approver-a'));
    assert.deepEqual(web.state.asked, [{ principal: 'requester' }, { all: true }]);
  });

  it('shows each step with its place in the chain', async () => {
    const base = { messageId: 'web:1', decisionId: null, createdAt: new Date() };
    web.state.receipts = [
      {
        ...base,
        id: '0193fd0a-4c1e-7b12-8aaa-000000000001',
        kind: 'envelope',
        facts: {},
        position: 7,
        hash: `sha256:${'cd'.repeat(32)}`,
      },
      {
        ...base,
        id: '0193fd0a-4c1e-7b12-8aaa-000000000002',
        kind: 'decision',
        facts: { tool: 'ledger.balance' },
        position: null,
        hash: null,
      },
    ];
    const { text } = await get('/receipts', web.signInAs('requester'));
    assert.match(text, /chain-title">ledger\.balance/);
    assert.ok(text.indexOf('Message received') < text.indexOf('Policy decided'));
    assert.match(text, /number 7, /);
    assert.match(text, /not yet/);
  });
});

describe('the API page', () => {
  it('reads the OpenAPI document out, with links between shapes', async () => {
    web.state.openapi = {
      info: { title: 'Gatehouse API', version: '1' },
      paths: {
        '/v1/tools': {
          get: {
            summary: 'Lists tools',
            responses: {
              200: {
                description: 'all',
                content: {
                  'application/json': {
                    schema: { type: 'array', items: { $ref: '#/components/schemas/Tool' } },
                  },
                },
              },
            },
          },
        },
      },
      components: {
        schemas: {
          Tool: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string', description: 'its name' } },
          },
        },
      },
    };
    const { status, text } = await get('/docs');
    assert.equal(status, 200);
    assert.match(text, /GET \/v1\/tools/);
    assert.match(text, /href="#schema-Tool"><code>Tool\[\]/);
    assert.match(text, /its name/);
    const raw = await fetch(`${web.base}/openapi.json`);
    assert.deepEqual(await raw.json(), web.state.openapi);
  });
});

describe('the policy page', () => {
  const args = { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'words of the requester' };
  const decided = async (): Promise<string> =>
    (await web.policy.decide(runOf(), { tool: 'ledger.transfer', args, step: 'page' })).id;
  const turn = (principal: string, fields: Record<string, string>, change: Record<string, string> = {}) => {
    const { cookie, csrf } = web.signInAs(principal);
    return post(
      '/policy/kill-switch',
      { csrf, turn: 'on', scope: 'tool', name: 'ledger.transfer', reason: 'a drill', ...fields },
      { cookie, origin: web.base, ...change },
    );
  };
  const targets = async (): Promise<string[]> => (await web.policy.killSwitches()).map((one) => one.target);

  it('shows rules with their sentence and place, and what each role may, as the rules really answer', async () => {
    const { text, status } = await get('/policy', { cookie: web.signInAs('requester').cookie });
    assert.equal(status, 200);
    assert.match(text, /A payment has to say its amount and currency\./);
    assert.match(text, /<code>amount_missing<\/code> in approvers\.rego, line \d+/);
    assert.match(text, /Not from the person who asks: …\./);
    const row = /<code>ledger\.balance<\/code>[\s\S]*?<\/tr>/.exec(text)?.[0] ?? '';
    assert.deepEqual(
      [...row.matchAll(/tone-(\w+)/g)].map((match) => match[1]),
      ['ok', 'ok', 'ok', 'bad', 'ok'],
    );
  });

  it('explains a decision to the one who asked and to those who see all, and to nobody else', async () => {
    const id = await decided();
    for (const principal of ['requester', 'approver-a', 'admin']) {
      const { text } = await get(`/policy?decision=${id}`, { cookie: web.signInAs(principal).cookie });
      assert.match(text, /payment_needs_approval/, principal);
      assert.match(text, /approve by 2 of approvers/);
      assert.doesNotMatch(text, /words of the requester/);
    }
    await web.pool.query(`update decisions set principal = 'approver-b' where id = $1`, [id]);
    const other = await get(`/policy?decision=${id}`, { cookie: web.signInAs('requester').cookie });
    assert.equal(other.status, 404);
    assert.match(other.text, /no such decision/);
    assert.doesNotMatch(other.text, /args\/payee/);
  });

  it('turns a kill switch for an administrator only, by a form of this page only, for a reason', async () => {
    for (const principal of ['requester', 'approver-a'])
      assert.equal((await turn(principal, {})).status, 403);
    assert.equal((await turn('admin', {}, { origin: 'https://evil.example' })).status, 403);
    assert.equal((await turn('admin', { csrf: 'x' })).status, 403);
    assert.equal((await turn('admin', { reason: ' ' })).status, 400);
    assert.equal((await turn('admin', { name: 'ledger.transfr' })).status, 404);
    assert.equal((await turn('admin', { scope: 'person', name: 'requestor' })).status, 400);
    assert.equal((await turn('admin', { scope: 'host', name: 'a' })).status, 400);
    assert.deepEqual(await targets(), []);
    assert.equal((await turn('admin', {})).status, 303);
    assert.deepEqual(await targets(), ['tool:ledger.transfer']);
    assert.equal((await turn('admin', { turn: 'off' })).status, 303);
    assert.deepEqual(await targets(), []);
  });

  it('does not turn anything by a GET', async () => {
    const { cookie } = web.signInAs('admin');
    assert.equal((await get('/policy/kill-switch?turn=on&scope=all&reason=x', { cookie })).status, 404);
    assert.deepEqual(await targets(), []);
  });

  it('keeps who is stopped from those who do not see everything', async () => {
    await turn('admin', { scope: 'person', name: 'approver-a', reason: '<b>lost phone</b>' });
    const mine = await get('/policy', { cookie: web.signInAs('requester').cookie });
    assert.doesNotMatch(mine.text, /lost phone|person:approver-a/);
    const theirs = await get('/policy', { cookie: web.signInAs('admin').cookie });
    assert.match(theirs.text, /&lt;b&gt;lost phone/);
    await turn('admin', { scope: 'person', name: 'approver-a', turn: 'off' });
  });
});

describe('the doctor’s page', () => {
  const finding = { check: 'overrides', text: 'lifted <b>rule</b> by approver-a' } as const;

  it('shows owners and administrators what was found, with words, what to type, and no markup of others', async () => {
    web.state.diagnosis = {
      ok: false,
      topics: [
        { topic: 'Overrides', findings: [{ ...finding, state: 'fail', next: 'npx gatehouse doctor <x>' }] },
        { topic: 'Postgres', findings: [{ check: 'fsync', state: 'ok', text: 'fsync is on.' }] },
      ],
    };
    const { text, status, headers } = await get('/doctor', { cookie: web.signInAs('admin').cookie });
    assert.equal(status, 200);
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.match(text, /<strong>1 thing fails\.<\/strong>[\s\S]*1 in order/);
    assert.match(
      text,
      /Overrides<\/h2>[\s\S]*Fails<\/span>[\s\S]*lifted &lt;b&gt;rule&lt;\/b&gt; by approver-a/,
    );
    assert.match(text, /<code>npx gatehouse doctor &lt;x&gt;<\/code>/);
    assert.match(
      text,
      /<details>\s*<summary>[\s\S]*1 in order<\/span><\/summary>[\s\S]*<p>fsync is on\.<\/p>/,
    );
    assert.match(text, /<a href="\/doctor" aria-current="page">Doctor<\/a>/);
  });

  it('is nobody else’s, and stands in nobody else’s navigation', async () => {
    web.state.diagnosis = { ok: true, topics: [{ topic: 'T', findings: [{ ...finding, state: 'note' }] }] };
    for (const principal of ['requester', 'approver-a']) {
      const { cookie } = web.signInAs(principal);
      const refused = await get('/doctor', { cookie });
      assert.equal(refused.status, 403);
      assert.doesNotMatch(refused.text, /lifted|href="\/doctor"/);
    }
    const stranger = await get('/doctor');
    assert.equal(stranger.status, 401);
  });
});
