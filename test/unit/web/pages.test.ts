import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { runOf } from '../policy/support.ts';
import { editFields, paymentCard, startWeb, type WebStandIn } from './stand-in.ts';

let web: WebStandIn;
before(async () => {
  web = await startWeb();
});
after(() => web.stop());
beforeEach(() => {
  web.state.votes.length = 0;
  web.state.submitted.length = 0;
  web.state.outcome = 'accepted';
  web.state.cards.clear();
});

const html = { accept: 'text/html' };

async function get(
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(web.base + path, { headers: { ...html, ...headers }, redirect: 'manual' });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

async function post(
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(web.base + path, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { ...html, origin: web.base, ...headers },
    redirect: 'manual',
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

describe('signing in', () => {
  it('shows whom a link signs in, and never signs in by looking', async () => {
    const link = new URL(await web.loginLink('requester'));
    for (let look = 0; look < 3; look += 1) {
      const page = await get(link.pathname + link.search);
      assert.equal(page.status, 200);
      assert.match(page.text, /Sign in as Robin Requester/);
      assert.equal(page.headers.get('set-cookie'), null);
    }
    const token = link.searchParams.get('token') ?? '';
    const signedIn = await post('/login', { token });
    assert.equal(signedIn.status, 303);
    const cookie = signedIn.headers.get('set-cookie') ?? '';
    // Cookies know no ports: two installations on one machine would sign each other out under one name.
    assert.match(cookie, /^gatehouse-\d+=sess_.*Path=\/; HttpOnly; SameSite=Lax$/);
    assert.equal((await post('/login', { token })).status, 401);
    assert.equal((await get(link.pathname + link.search)).status, 401);
  });

  it('refuses a sign-in form that another site sent', async () => {
    const token = new URL(await web.loginLink('requester')).searchParams.get('token') ?? '';
    for (const origin of ['https://evil.example', 'null', '']) {
      const answer = await post('/login', { token }, { origin });
      assert.equal(answer.status, 403, origin);
      assert.equal(answer.headers.get('set-cookie'), null);
    }
    assert.equal((await post('/login', { token })).status, 303);
  });

  it('ends the session at sign-out', async () => {
    const { cookie, csrf } = web.signInAs('requester');
    assert.equal((await get('/', { cookie })).status, 200);
    const out = await post('/logout', { csrf }, { cookie });
    assert.equal(out.status, 303);
    assert.equal((await get('/', { cookie })).status, 401);
  });

  it('tells a stranger how to sign in, on every page', async () => {
    for (const path of ['/', '/approvals', '/approvals/dec_x', '/receipts']) {
      const page = await get(path);
      assert.equal(page.status, 401, path);
      assert.match(page.text, /Please sign in/);
      assert.match(page.text, /href="\/login"/);
    }
  });
});

describe('the question whether an account is one’s own', () => {
  const path = '/identities/PAIR2345';
  const question = {
    code: 'PAIR2345',
    channel: 'slack',
    account: 'T1',
    nativeId: 'U9',
    display: '<b>Robin</b>',
  };
  beforeEach(() => {
    web.state.questions.set('PAIR2345', question);
    web.state.answers.length = 0;
  });

  it('names the account, escapes what it calls itself, and is never answered by a GET', async () => {
    const { cookie } = web.signInAs('requester');
    const page = await get(`${path}?answer=yes`, { cookie });
    assert.equal(page.status, 200);
    assert.match(page.text, /Is this account yours\?[\s\S]*slack[\s\S]*U9[\s\S]*&lt;b&gt;Robin/);
    assert.deepEqual(web.state.answers, []);
    assert.equal((await get(path)).status, 401);
    assert.equal((await get('/identities/UNKNOWN2', { cookie })).status, 404);
  });

  it('takes a yes and a no from the form of the person who is signed in, and nothing else', async () => {
    const { cookie, csrf } = web.signInAs('requester');
    const agreed = await post(path, { csrf, answer: 'yes' }, { cookie });
    assert.match(agreed.text, /linked to you[\s\S]*24 hours/);
    assert.match((await post(path, { csrf, answer: 'no' }, { cookie })).text, /was not linked/);
    assert.deepEqual(web.state.answers, [
      { code: 'PAIR2345', principal: 'requester', yes: true },
      { code: 'PAIR2345', principal: 'requester', yes: false },
    ]);
    assert.equal((await post(path, { csrf, answer: 'perhaps' }, { cookie })).status, 400);
    assert.equal((await post(path, { csrf: 'csrf_stolen', answer: 'yes' }, { cookie })).status, 403);
    assert.equal(
      (await post(path, { csrf, answer: 'yes' }, { cookie, origin: 'https://evil.example' })).status,
      403,
    );
    assert.equal(web.state.answers.length, 2);
  });
});

describe('behind https', () => {
  it('keeps the session cookie to this host and to https, and takes forms from the public origin only', async () => {
    const secure = await startWeb({ publicUrl: () => 'https://gate.example' });
    try {
      const token = new URL(await secure.loginLink('requester')).searchParams.get('token') ?? '';
      const send = (origin: string): Promise<Response> =>
        fetch(`${secure.base}/login`, {
          method: 'POST',
          body: new URLSearchParams({ token }),
          headers: { ...html, origin },
          redirect: 'manual',
        });
      assert.equal((await send(secure.base)).status, 403);
      const signedIn = await send('https://gate.example');
      assert.match(
        signedIn.headers.get('set-cookie') ?? '',
        /^__Host-gatehouse=sess_.*; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      );
      assert.ok(signedIn.headers.has('strict-transport-security'));
    } finally {
      await secure.stop();
    }
  });
});

describe('page security', () => {
  it('sends a strict CSP with a fresh nonce, and no inline script, style or handler', async () => {
    const { cookie } = web.signInAs('requester');
    const nonces = new Set<string>();
    for (const path of ['/', '/approvals', '/receipts', '/docs', '/login', '/nowhere']) {
      const page = await get(path, { cookie });
      const policy = page.headers.get('content-security-policy') ?? '';
      const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1] ?? '';
      assert.ok(nonce.length >= 22, path);
      nonces.add(nonce);
      assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/);
      assert.doesNotMatch(policy, /unsafe|\*/);
      assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
      assert.equal(page.headers.get('cache-control'), 'no-store');
      assert.doesNotMatch(page.text, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=/i, path);
    }
    assert.equal(nonces.size, 6);
  });

  it('does nothing for a form with a wrong origin, a missing or a stolen CSRF token', async () => {
    const mine = web.signInAs('requester');
    const other = web.signInAs('approver-a');
    const send = (
      fields: Record<string, string>,
      headers: Record<string, string>,
    ): Promise<{ status: number }> =>
      post('/messages', { text: '/balance', ...fields }, { cookie: mine.cookie, ...headers });
    assert.equal((await send({ csrf: mine.csrf }, { origin: 'https://evil.example' })).status, 403);
    assert.equal((await send({ csrf: mine.csrf }, { origin: 'null' })).status, 403);
    assert.equal((await send({}, {})).status, 403);
    assert.equal((await send({ csrf: '' }, {})).status, 403);
    assert.equal((await send({ csrf: other.csrf }, {})).status, 403);
    assert.deepEqual(web.state.submitted, []);
    assert.equal((await send({ csrf: mine.csrf }, {})).status, 303);
    assert.deepEqual(web.state.submitted, ['/balance']);
  });

  it('answers programs with the error itself and people with a page; neither learns the cause of a bug', async () => {
    const { cookie } = web.signInAs('requester');
    const program = await fetch(`${web.base}/v1/boom`, { headers: html });
    assert.match(program.headers.get('content-type') ?? '', /problem\+json/);
    const bug = await get('/boom', { cookie });
    assert.equal(bug.status, 500);
    assert.match(bug.text, /GH-INTERNAL-001/);
    assert.doesNotMatch(bug.text, /secret detail/);
    assert.equal(web.state.failures.length, 1);
    const lost = await get('/nowhere', { cookie });
    assert.equal(lost.status, 404);
    assert.match(lost.text, /Robin Requester/);
  });
});

describe('the chat page', () => {
  it('shows each request once, with the latest text of its card, escaped', async () => {
    const { cookie } = web.signInAs('requester');
    const id = await web.addMessage('requester', '/pay 120 EUR <script>alert(1)</script>', 'waiting');
    await web.addReply('requester', id, { text: 'Received.', tone: 'info' });
    await web.addReply('requester', id, {
      text: 'Approval is needed for 5000 EUR.',
      tone: 'waiting',
      facts: [
        { label: 'Amount', value: '5000 EUR' },
        { label: 'Receipt', value: '0193fd0a-4c1e-7b12-8aaa-0123456789ab' },
      ],
      link: { label: 'Open', url: 'javascript:alert(1)' },
    });
    const { text } = await get('/', { cookie });
    assert.match(text, /&lt;script&gt;alert\(1\)/);
    assert.doesNotMatch(text, /Received\.</);
    assert.match(text, /Approval is needed for 5,000\.00 EUR\./);
    assert.match(text, /Waiting for approval/);
    assert.match(text, /data-copy="0193fd0a-4c1e-7b12-8aaa-0123456789ab"/);
    assert.doesNotMatch(text, /javascript:/);
  });

  it('shows a request that was withdrawn as cancelled, not as refused', async () => {
    await web.addMessage('approver-a', '/pay 10 EUR ACME x', 'done');
    const { rows } = await web.pool.query<{ id: string }>(
      `select id from messages order by seq desc limit 1`,
    );
    await web.addReply('approver-a', rows[0]?.id ?? '', { text: 'Taken back.', tone: 'cancelled' });
    const { text } = await get('/', web.signInAs('approver-a'));
    assert.match(text, /Cancelled\n?<\/span>/);
  });

  it('does not mistake a message held back by a rate limit for one that needs approval', async () => {
    await web.addMessage('approver-a', '/balance', 'limited');
    const { rows } = await web.pool.query<{ id: string }>(`select id from messages where state = 'limited'`);
    await web.addReply('approver-a', rows[0]?.id ?? '', {
      text: 'Your messages are queued.',
      tone: 'waiting',
    });
    const { text } = await get('/', web.signInAs('approver-a'));
    assert.match(text, /Received\n?<\/span>/);
    assert.doesNotMatch(text, /Waiting for approval/);
  });

  it('shows nobody the conversation of another', async () => {
    await web.addMessage('requester', 'only-for-robin', 'queued');
    const { cookie } = web.signInAs('approver-a');
    assert.doesNotMatch((await get('/', { cookie })).text, /only-for-robin/);
  });

  it('works without scripts: a form post comes back to the chat', async () => {
    const { cookie, csrf } = web.signInAs('requester');
    const sent = await post('/messages', { csrf, text: 'one\r\ntwo' }, { cookie });
    assert.equal(sent.headers.get('location'), '/#latest');
    assert.deepEqual(web.state.submitted, ['one\ntwo']);
  });

  it('keeps what was typed when it is not taken, and says why', async () => {
    const { cookie, csrf } = web.signInAs('requester');
    web.state.outcome = 'refused';
    const page = await post('/messages', { csrf, text: 'draft-of-mine' }, { cookie });
    assert.equal(page.status, 429);
    assert.match(page.headers.get('retry-after') ?? '', /^[1-9]/);
    assert.match(page.text, /draft-of-mine<\/textarea>/);
    assert.match(page.text, /GH-WEB-007/);
    const part = await post('/messages', { csrf, text: ' ' }, { cookie, 'hx-request': 'true' });
    assert.equal(part.status, 400);
    assert.match(part.text, /^<div class="problem" role="alert">/);
  });

  it('says that nothing was stored, and when to come back, while the database is away', async () => {
    const { cookie, csrf } = web.signInAs('requester');
    web.state.outcome = new GatehouseError('GH-DELIVERY-001', 'The message could not be stored.', {
      status: 503,
      retryAfter: 2,
    });
    const page = await post('/messages', { csrf, text: 'hello' }, { cookie });
    assert.equal(page.status, 503);
    assert.equal(page.headers.get('retry-after'), '2');
    assert.match(page.text, /could not be stored/);
    const part = await post(
      '/messages',
      { csrf, text: 'hello' },
      { cookie, 'hx-request': 'true', accept: '*/*' },
    );
    assert.equal(part.status, 503);
    assert.match(part.text, /^<div class="problem" role="alert">/);
  });
});

describe('an approval', () => {
  it('stands on its page in reading order, and the button names the effect', async () => {
    const card = paymentCard();
    web.state.cards.set(card.id, card);
    const { cookie } = web.signInAs('approver-a');
    const { text } = await get(`/approvals/${card.id}`, { cookie });
    const order = [
      'asks to pay 5,000.00 EUR',
      'Why you are asked',
      'What will happen',
      'Not written by',
      'Text, not verified',
      'Deadline and votes',
      'Approve 5,000.00 EUR to ACME',
      'Reject<',
    ];
    const places = order.map((part) => text.indexOf(part, text.indexOf('<main')));
    assert.ok(
      places.every((place) => place > 0),
      String(places),
    );
    assert.deepEqual(
      places,
      [...places].sort((left, right) => left - right),
    );
    assert.match(text, /please pay &lt;b&gt;/);
  });

  it('is never decided by a GET', async () => {
    const card = paymentCard();
    web.state.cards.set(card.id, card);
    const { cookie, csrf } = web.signInAs('approver-a');
    const path = `/approvals/${card.id}/votes?verdict=approve&csrf=${csrf}&binding=${card.binding}`;
    assert.equal((await get(path, { cookie })).status, 404);
    assert.deepEqual(web.state.votes, []);
  });

  it('takes a vote for exactly what was shown', async () => {
    const card = paymentCard();
    web.state.cards.set(card.id, card);
    const { cookie, csrf } = web.signInAs('approver-a');
    const vote = (fields: Record<string, string>): Promise<{ status: number; text: string }> =>
      post(`/approvals/${card.id}/votes`, { csrf, binding: card.binding, ...fields }, { cookie });
    assert.equal((await vote({ verdict: 'approve', binding: `sha256:${'00'.repeat(32)}` })).status, 409);
    assert.equal((await vote({})).status, 400);
    assert.equal((await vote({ verdict: 'maybe' })).status, 400);
    const silent = await vote({ verdict: 'reject' });
    assert.equal(silent.status, 400);
    assert.match(silent.text, /A rejection needs a reason/);
    assert.deepEqual(web.state.votes, []);
    assert.equal((await vote({ verdict: 'approve', comment: ' fine ' })).status, 303);
    assert.deepEqual(web.state.votes, [
      {
        approvalId: card.id,
        principal: 'approver-a',
        verdict: 'approve',
        comment: 'fine',
        channel: 'web',
        shownDigest: card.binding,
      },
    ]);
  });

  it('tells the requester why their own vote does not count', async () => {
    const card = paymentCard();
    web.state.cards.set(card.id, card);
    const { cookie, csrf } = web.signInAs('requester');
    const answer = await post(
      `/approvals/${card.id}/votes`,
      { csrf, binding: card.binding, verdict: 'approve' },
      { cookie },
    );
    assert.equal(answer.status, 403);
    assert.match(answer.text, /You asked for this yourself/);
  });

  it('offers no form to those who may not vote', async () => {
    const card = paymentCard({ mayVote: false, whyNot: 'You asked for this yourself.' });
    web.state.cards.set(card.id, card);
    const { text } = await get(`/approvals/${card.id}`, web.signInAs('requester'));
    assert.doesNotMatch(text, /name="verdict"/);
    assert.match(text, /You asked for this yourself\./);
  });

  it('shows the form of an edit, and sends what was typed with what was shown', async () => {
    const card = paymentCard();
    web.state.cards.set(card.id, card);
    web.state.fields.set(card.id, editFields);
    web.state.edits.length = 0;
    const { cookie, csrf } = web.signInAs('approver-a');
    const { text } = await get(`/approvals/${card.id}/edit`, { cookie });
    assert.match(
      text,
      /<input id="arg-amount" name="arg.amount" value="5000.00"[^>]* maxlength="15" required/,
    );
    assert.match(text, /<textarea id="arg-note"[^>]*>&lt;b&gt;bold&lt;\/b&gt;<\/textarea>/);
    assert.match(text, /<option selected>EUR<\/option>/);
    const send = (fields: Record<string, string>) =>
      post(
        `/approvals/${card.id}/edit`,
        { digest: card.digest, 'arg.amount': '10.00', ...fields },
        { cookie },
      );
    assert.equal((await send({})).status, 403);
    assert.deepEqual(web.state.edits, []);
    assert.equal((await send({ csrf, verdict: 'approve' })).status, 303);
    assert.deepEqual(web.state.edits, [
      {
        approvalId: card.id,
        principal: 'approver-a',
        values: { amount: '10.00' },
        channel: 'web',
        shownDigest: card.digest,
      },
    ]);
    web.state.refuse = new GatehouseError('GH-APPROVAL-025', 'The policy refuses it.', { status: 403 });
    const refused = await send({ csrf, 'arg.amount': '0.00' });
    web.state.refuse = null;
    assert.equal(refused.status, 403);
    assert.match(refused.text, /The policy refuses it\.[\s\S]*value="0\.00"/);
  });

  it('takes a question of an approver and the answer of the requester, by their own forms alone', async () => {
    const question = {
      id: 'q-1',
      by: 'Alex',
      question: 'Why <now>?',
      at: new Date(),
      answer: null,
      answeredAt: null,
    };
    const card = paymentCard({ questions: [question], mayAnswer: true });
    web.state.cards.set(card.id, card);
    const asker = web.signInAs('approver-a');
    const page = await get(`/approvals/${card.id}`, asker);
    assert.match(page.text, /Why &lt;now&gt;\?/);
    const ask = (fields: Record<string, string>) => post(`/approvals/${card.id}/questions`, fields, asker);
    assert.equal((await ask({ question: 'Why?' })).status, 403);
    assert.equal((await ask({ question: 'Why?', csrf: asker.csrf })).status, 303);
    assert.deepEqual(web.state.asks, [
      { approvalId: card.id, principal: 'approver-a', channel: 'web', question: 'Why?' },
    ]);
    const requester = web.signInAs('requester');
    const fields = { question: 'q-1', answer: 'Because.', csrf: requester.csrf };
    assert.equal((await post(`/approvals/${card.id}/answers`, fields, requester)).status, 303);
    assert.deepEqual(web.state.answered, [
      {
        approvalId: card.id,
        questionId: 'q-1',
        principal: 'requester',
        channel: 'web',
        answer: 'Because.',
      },
    ]);
    // What somebody writes in the chat is a message, whatever it looks like.
    await post('/messages', { text: 'Because.', csrf: requester.csrf }, requester);
    assert.equal(web.state.answered.length, 1);
    web.state.refuse = new GatehouseError('GH-APPROVAL-031', 'Enough questions.', { status: 409 });
    const again = await ask({ question: 'And <why>?', csrf: asker.csrf });
    web.state.refuse = null;
    assert.equal(again.status, 409);
    assert.match(again.text, /Enough questions\.[\s\S]*And &lt;why&gt;\?<\/textarea>/);
  });

  it('asks for a standing grant only where the box is ticked, and lists and ends those that there are', async () => {
    const card = paymentCard({ standing: { maxHours: 8, currency: 'EUR', maxAmount: '999.99' } });
    web.state.cards.set(card.id, card);
    web.state.votes.length = 0;
    const { cookie, csrf } = web.signInAs('approver-a');
    assert.match((await get(`/approvals/${card.id}`, { cookie })).text, /at most 999\.99/);
    const vote = (fields: Record<string, string>) =>
      post(
        `/approvals/${card.id}/votes`,
        { csrf, binding: card.binding, verdict: 'approve', ...fields },
        { cookie },
      );
    await vote({ hours: '2', amount: '500.00' });
    await vote({ hours: '2', amount: '500.00', standing: 'yes' });
    assert.deepEqual(
      web.state.votes.map((entry) => (entry as { standing?: unknown }).standing),
      [undefined, { hours: 2, amount: '500.00' }],
    );
    web.state.standing = [
      {
        id: 'standing_1',
        approvalId: card.id,
        title: 'Pay',
        user: 'Robin <Requester>',
        destinations: [{ label: 'Payee', value: 'ACME' }],
        left: '70.00 of 100.00 EUR',
        grantedBy: ['Alex Approver'],
        expiresAt: new Date(),
      },
    ];
    const { text } = await get('/approvals', { cookie });
    assert.match(text, /Pay by Robin &lt;Requester&gt;[\s\S]*70\.00 of 100\.00 EUR left/);
    assert.equal((await post('/approvals/standing/standing_1/end', {}, { cookie })).status, 403);
    assert.equal((await post('/approvals/standing/standing_1/end', { csrf }, { cookie })).status, 303);
    assert.deepEqual(web.state.ended, [['standing_1', { principal: 'approver-a', channel: 'web' }]]);
    web.state.standing = [];
  });

  it('says 404 for one that is not there', async () => {
    assert.equal((await get('/approvals/dec_none', web.signInAs('requester'))).status, 404);
  });
});

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
