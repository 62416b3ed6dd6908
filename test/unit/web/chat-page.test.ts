import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { startWeb, type WebStandIn } from './stand-in.ts';
import { asNew, visits } from './visit.ts';

let web: WebStandIn;
before(async () => {
  web = await startWeb();
});
after(() => web.stop());
beforeEach(() => asNew(web));
const { get, post } = visits(() => web);

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

  it('shows a request that nobody decided in time as expired, as the other pages do', async () => {
    const id = await web.addMessage('approver-a', '/pay 11 EUR ACME x', 'done');
    await web.addReply('approver-a', id, { text: 'Too late.', tone: 'expired' });
    const { text } = await get('/', web.signInAs('approver-a'));
    assert.match(text, /Expired\n?<\/span>/);
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

  describe('with files', () => {
    /** Sends the form as a browser does, which also names the field of files where none is chosen. */
    const upload = async (
      fields: Record<string, string>,
      files: File[],
      headers: Record<string, string>,
    ): Promise<{ status: number; text: string }> => {
      const body = new FormData();
      for (const [name, value] of Object.entries(fields)) body.append(name, value);
      for (const file of files) body.append('files', file);
      const answer = await fetch(`${web.base}/messages`, {
        ...{ method: 'POST', redirect: 'manual', body },
        headers: { origin: web.base, accept: 'text/html', ...headers },
      });
      return { status: answer.status, text: await answer.text() };
    };
    const csv = new File(['ä,b\r\n'], 'März 1.csv', { type: 'text/html' });

    it('takes them byte for byte, by their names, and shows them under the message', async () => {
      const { cookie, csrf } = web.signInAs('requester');
      assert.equal((await upload({ csrf, text: 'read it' }, [csv], { cookie })).status, 303);
      assert.deepEqual(web.state.files, [{ name: 'März 1.csv', content: Buffer.from('ä,b\r\n') }]);
      assert.match((await get('/', { cookie })).text, /März 1\.csv<\/span> <span class="muted">6 bytes/);
    });

    it('says why one cannot be had, and that one is on its way', async () => {
      const { cookie, csrf } = web.signInAs('requester');
      const other = new File(['c,d'], 'other.csv');
      await upload({ csrf, text: 'read both' }, [csv, other], { cookie });
      await web.pool.query(
        `insert into attachments (id, message_id, session_key, principal, name, mime, bytes, flaw, due_at)
         select (f->>'id')::uuid, m.id, 's', 'requester', f->>'name', 'text/csv', 3,
           case when f->>'name' = 'other.csv' then 'quota' end, case when f->>'name' <> 'other.csv' then now() end
         from (select * from messages order by seq desc limit 1) m, jsonb_array_elements(m.envelope #> '{data,attachments}') f`,
      );
      const page = (await get('/', { cookie })).text;
      assert.match(page, /other\.csv<\/span>[^]*?cannot be had: too many of your files are kept already/);
      assert.match(
        page,
        /März 1\.csv<\/span> <span class="muted">3 bytes<\/span> <span class="muted">is being fetched/,
      );
    });

    it('takes a message where no file was chosen', async () => {
      const { cookie, csrf } = web.signInAs('requester');
      const none = new File([], '', { type: 'application/octet-stream' });
      assert.equal((await upload({ csrf, text: 'alone' }, [none], { cookie })).status, 303);
      assert.deepEqual(web.state.files, []);
    });

    it('refuses what a message may not bring, says why, and keeps what was typed', async () => {
      const { cookie, csrf } = web.signInAs('requester');
      const script = new File(['<script>'], 'a.html');
      const page = await upload({ csrf, text: 'draft-of-mine' }, [script], { cookie });
      assert.equal(page.status, 400);
      assert.match(page.text, /GH-CHANNEL-014[^]*draft-of-mine<\/textarea>/);
      const large = new File([Buffer.alloc(5_000_000, 'a')], 'a.csv');
      const part = await upload({ csrf, text: 'x' }, [large], { cookie, 'hx-request': 'true' });
      assert.equal(part.status, 413);
      assert.match(part.text, /^<div class="problem" role="alert">[^]*4 MB[^]*GH-CHANNEL-011/);
      assert.deepEqual(web.state.submitted, []);
    });

    it('takes none without the form’s token, from another site, of nobody, or of a broken form', async () => {
      const { cookie, csrf } = web.signInAs('requester');
      const fields = { csrf, text: 'x' };
      assert.equal((await upload({ text: 'x' }, [csv], { cookie })).status, 403);
      assert.equal((await upload(fields, [csv], { cookie, origin: 'https://evil.example.com' })).status, 403);
      assert.equal((await upload(fields, [csv], {})).status, 401);
      const broken = await fetch(`${web.base}/messages`, {
        method: 'POST',
        headers: {
          ...{ origin: web.base, accept: 'text/html', cookie },
          'content-type': 'multipart/form-data; boundary=x',
        },
        body: '--x\r\nno form',
      });
      assert.equal(broken.status, 400);
      assert.match(await broken.text(), /GH-WEB-080/);
      assert.deepEqual(web.state.submitted, []);
    });
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
