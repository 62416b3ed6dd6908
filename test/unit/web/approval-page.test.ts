import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { editFields, paymentCard } from './cards.ts';
import { startWeb, type WebStandIn } from './stand-in.ts';
import { asNew, visits } from './visit.ts';

let web: WebStandIn;
before(async () => {
  web = await startWeb();
});
after(() => web.stop());
beforeEach(() => asNew(web));
const { get, post } = visits(() => web);

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

  it('says in words where somebody voted', async () => {
    const vote = { principal: 'approver-a', display: 'Alex', verdict: 'approve' as const, comment: null };
    const at = new Date(0).toISOString();
    const given = { ...vote, channel: 'n8n-form', at, standsInFor: null, counted: true };
    const card = paymentCard({ quorum: 2, votes: [given, { ...given, display: 'Blake', counted: false }] });
    web.state.cards.set(card.id, card);
    const { text } = await get(`/approvals/${card.id}`, web.signInAs('approver-a'));
    assert.match(text, /Alex<\/strong> <span class="meta">on the form, <time/);
    assert.match(text, /1 of 2 approvals/);
    assert.match(text, /Blake<\/strong>.*did not count: was no approver any more when it was decided/s);
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
