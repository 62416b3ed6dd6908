import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { startWeb, type WebStandIn } from './stand-in.ts';
import { asNew, html, visits } from './visit.ts';

let web: WebStandIn;
before(async () => {
  web = await startWeb();
});
after(() => web.stop());
beforeEach(() => asNew(web));
const { get, post } = visits(() => web);

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
