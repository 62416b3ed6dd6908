import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { n8nOwner } from '../support/n8n-owner.ts';
import { kill } from './support/kill.ts';
import { asN8n, forgeOutcomes, loot, postOutcome, runTokenIn } from './support/n8n.ts';
import { payments, type Payments } from './support/payments.ts';
import { eventually, person, sendForm, type Person } from './support/person.ts';
import { testStack, type TestStack } from './support/stack.ts';

let stack: TestStack;
let requester: Person;
let approverA: Person;
let approverB: Person;
let pay: Payments;

before(
  async () => {
    stack = await testStack();
    [requester, approverA, approverB] = await Promise.all([
      person(stack, 'requester'),
      person(stack, 'approver-a'),
      person(stack, 'approver-b'),
    ]);
    pay = payments(stack, requester);
  },
  { timeout: 600_000 },
);

after(() => stack?.stop(), { timeout: 60_000 });

describe('a request that is changed', { timeout: 120_000 }, () => {
  it('pays what the approver changed it to, once, after the other approver agreed', async () => {
    const open = await pay.ask('changed');
    const edit = await approverA.edit(open.id, { amount: '95.50' });
    const changed = /^\/approvals\/(.+)$/.exec(edit.headers.get('location') ?? '')?.[1] ?? '';
    assert.match(changed, /^dec_/, 'the changed request has a page of its own');
    assert.match((await approverA.vote(changed, 'approve')).text, /You changed this request/);
    assert.match((await approverB.vote(open.id, 'approve')).text, /replaced by a newer request/);
    await requester.answerTo(open.said, /Changed by/);
    await approverB.vote(changed, 'approve');
    await requester.answerTo(open.said, /Paid 95\.50 EUR/);
    const rows = await stack.demo<{ amount: string }>(
      `select amount::text from ledger where reference = 'changed'`,
    );
    assert.deepEqual(rows, [{ amount: '95.50' }]);
    assert.deepEqual(await pay.outcomes(open), ['superseded']);
    assert.deepEqual(await pay.outcomes({ ...open, id: changed }), ['approved']);
  });
});

describe('votes that meet', { timeout: 120_000 }, () => {
  it('counts a double click on the form once, pays once', async () => {
    const open = await pay.ask('double-click');
    const link = await approverA.formLink('double-click');
    const answers = await Promise.all(
      [1, 2, 3].map(() => sendForm(link, { verdict: 'approve', comment: 'as ordered' })),
    );
    assert.ok(answers.some((answer) => answer.status === 200));
    await requester.answerTo(open.said, /Paid/);
    assert.equal(await pay.paid('double-click'), 1);
    assert.equal(await pay.votes(open), 1);
    assert.deepEqual(await pay.outcomes(open), ['approved']);
  });

  it('gives one outcome when two channels say yes and no at once', async () => {
    for (const round of [1, 2, 3]) {
      const reference = `two-channels-${round}`;
      const open = await pay.ask(reference);
      const link = await approverA.formLink(reference);
      const [form, page] = await Promise.all([
        sendForm(link, { verdict: 'approve' }),
        approverB.vote(open.id, 'reject', 'not ordered'),
      ]);
      const ended = await pay.outcomes(open);
      assert.equal(ended.length, 1, `${form.text} / ${page.text}`);
      assert.equal(await pay.votes(open), 1, 'the loser was told, not counted');
      assert.match(ended[0] === 'approved' ? page.text : form.text, /already (approved|rejected)|closed/i);
      await requester.answerTo(open.said, ended[0] === 'approved' ? /Paid/ : /rejected/i);
      assert.equal(await pay.paid(reference), ended[0] === 'approved' ? 1 : 0);
    }
  });

  it('takes one person through two channels at once for one vote of two', async () => {
    const open = await pay.ask('one-person', '4000');
    const link = await approverA.formLink('one-person');
    await Promise.all([
      sendForm(link, { verdict: 'approve' }),
      approverA.vote(open.id, 'approve'),
      sendForm(link, { verdict: 'approve' }),
    ]);
    assert.equal(await pay.votes(open), 1);
    assert.equal(await pay.state(open), 'pending');
    await Promise.all([approverB.vote(open.id, 'approve'), approverB.vote(open.id, 'approve')]);
    await requester.answerTo(open.said, /Paid/);
    assert.equal(await pay.paid('one-person'), 1);
    assert.equal(await pay.votes(open), 2);
  });
});

describe('links', { timeout: 120_000 }, () => {
  it('shows and never decides on GET and HEAD, as a link preview sends them', async () => {
    const open = await pay.ask('preview');
    const link = await approverA.formLink('preview');
    const [address, token] = link.split('#') as [string, string];
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      for (const url of [
        address,
        `${address}&verdict=approve&token=${token}`,
        `${new URL(stack.urls.chat).origin}/approvals/${open.id}/votes?verdict=approve`,
      ]) {
        const answer = await fetch(url, { method, headers: { 'user-agent': 'Slackbot-LinkExpanding 1.0' } });
        assert.ok(!(await answer.text()).includes(token), 'the page does not hold the token');
      }
    }
    await sleep(500);
    await pay.stillOpen(open, 'preview');
    const form = await (await fetch(address)).text();
    assert.match(form, /preview/);
    // The page is sandboxed away from n8n's own origin.
    assert.match((await fetch(address)).headers.get('content-security-policy') ?? '', /sandbox/);
    assert.equal((await sendForm(link, { verdict: 'reject', comment: 'only a test' })).status, 200);
    await requester.answerTo(open.said, /rejected/i);
  });

  it('decides nothing through a link that was used, or that belongs to another request', async () => {
    const first = await pay.ask('used-link');
    const link = await approverA.formLink('used-link');
    await sendForm(link, { verdict: 'approve' });
    await requester.answerTo(first.said, /Paid/);
    const second = await pay.ask('used-link');
    const fresh = await approverA.formLink('used-link');
    const [address] = fresh.split('#') as [string];
    for (const stale of [link, `${address}#${link.split('#')[1]}`, address]) {
      const answer = await sendForm(stale, { verdict: 'approve' });
      assert.doesNotMatch(answer.text, /It was approved by|\.js:\d/);
    }
    // The signature covers the query: another approval's id cannot be put into it.
    const other = new URL(address);
    other.searchParams.set('approval', first.id);
    assert.notEqual(
      (await sendForm(`${other.href}#${fresh.split('#')[1]}`, { verdict: 'approve' })).status,
      200,
    );
    await sleep(500);
    await pay.stillOpen(second, 'not-this-one');
    assert.equal(await pay.paid('used-link'), 1, 'only the first payment');
    await sendForm(fresh, { verdict: 'reject', comment: 'only a test' });
    await requester.answerTo(second.said, /rejected/i);
  });
});

describe('who may not decide', { timeout: 120_000 }, () => {
  it('refuses the requester, whichever way they try, and says why', async () => {
    const open = await pay.ask('own-vote');
    const link = await approverA.formLink('own-vote');
    const [address] = link.split('#') as [string];
    assert.match((await requester.read(`/approvals/${open.id}`)).text, /own/i);
    const page = await requester.vote(open.id, 'approve');
    assert.equal(page.status, 403);
    assert.match(page.text, /own vote/i);
    // They may see the address of the form, which is the same for everybody; no token of theirs exists.
    for (const token of ['', 'vote_guess', open.id, link.split('#')[1]?.slice(0, -1) ?? '']) {
      await sendForm(`${address}#${token}`, { verdict: 'approve' });
    }
    const tokens = await stack.sql(
      `select 1 from approval_tokens where approval_id = $1 and principal = 'requester'`,
      [open.id],
    );
    assert.equal(tokens.length, 0);
    for (const text of [`approve ${open.id}`, `/approve ${open.id}`, 'approve', 'yes']) {
      await requester.say(text);
      await requester.answerTo(text, /\w{3}/);
    }
    await pay.stillOpen(open, 'own-vote');
    await requester.say('/cancel');
    await requester.answerTo(open.said, /cancel/i);
  });

  it('counts no vote that n8n itself makes up, and takes no outcome that it signs wrongly', async () => {
    const open = await pay.ask('forged');
    const path = `/v1/approvals/${open.id}/votes`;
    for (const body of [
      { verdict: 'approve' },
      { token: '', verdict: 'approve' },
      { token: 'vote_0123456789abcdef', verdict: 'approve' },
      { token: loot(stack).token, verdict: 'approve' },
      { token: await runTokenIn(stack, open.executionId), verdict: 'approve' },
      { token: 'approver-a', principal: 'approver-a', verdict: 'approve' },
    ]) {
      const { status } = await asN8n(stack, 'POST', path, body);
      assert.ok(status === 400 || status === 403, `${JSON.stringify(body)}: ${status}`);
    }
    const card = await asN8n(stack, 'GET', `/v1/approvals/${open.id}`);
    assert.doesNotMatch(JSON.stringify(card.body), /vote_|#/, 'the card that n8n reads holds no token');
    for (const answer of await forgeOutcomes(stack, open)) {
      assert.notEqual(answer.status, 200, await answer.text());
    }
    await pay.stillOpen(open, 'forged');
    await approverA.vote(open.id, 'approve');
    await requester.answerTo(open.said, /Paid/);
    assert.equal(await pay.paid('forged'), 1);
  });

  it('pays nothing for an outcome that is signed well but was never decided', async () => {
    // Whoever holds n8n holds the key too. The gate would let them pass; the gateway has no grant for it.
    const open = await pay.ask('well-forged');
    const answer = await postOutcome(stack, open, {
      signWith: loot(stack).signingSecret,
      grant: 'grt_made-up',
    });
    assert.equal(answer.status, 200);
    await requester.answerTo(open.said, /no such grant|not approved|approval/i);
    await sleep(1000);
    assert.equal(await pay.paid('well-forged'), 0);
    await approverA.vote(open.id, 'approve');
    await sleep(1500);
    assert.equal(await pay.paid('well-forged'), 0, 'a late yes does not wake a run that is over');
  });
});

describe('requests that end by themselves', { timeout: 120_000 }, () => {
  it('expires at its deadline and says so; a late vote does not count', async () => {
    const open = await pay.ask('deadline');
    const link = await approverA.formLink('deadline');
    await stack.sql('update approvals set deadline = clock_timestamp() where id = $1', [open.id]);
    const late = await sendForm(link, { verdict: 'approve' });
    assert.match(late.text, /deadline|closed|ran out/i);
    await requester.answerTo(open.said, /deadline|expired/i);
    assert.equal(await pay.state(open), 'expired');
    assert.deepEqual(await pay.outcomes(open), ['expired']);
    assert.match((await approverA.read('/')).text, /deadline passed/i);
    await eventually('an end of the execution', 20_000, async () => {
      const status = (await pay.executionStatus(open.executionId)) ?? 'gone';
      return { done: status !== 'waiting', seen: status };
    });
    assert.equal(await pay.paid('deadline'), 0);
  });

  it('is cancelled and told when its execution is stopped in n8n', async () => {
    const open = await pay.ask('stopped');
    const owner = await n8nOwner({ ...stack.owner, url: stack.urls.n8n });
    await owner.call('POST', `/rest/executions/${open.executionId}/stop`);
    await requester.answerTo(open.said, /cancelled.*stopped in n8n/i);
    assert.equal(await pay.state(open), 'cancelled');
    assert.match((await approverA.read('/')).text, /stopped in n8n/);
    const vote = await approverA.vote(open.id, 'approve');
    assert.equal(vote.status, 409, vote.text);
    assert.equal(await pay.paid('stopped'), 0);
  });
});

describe('while n8n is down', { timeout: 240_000 }, () => {
  it('keeps the request, takes the vote, refuses a changed call, and pays once when n8n is back', async () => {
    const open = await pay.ask('n8n-killed');
    const token = await runTokenIn(stack, open.executionId);
    const link = await approverA.formLink('n8n-killed');
    await kill(stack, 'n8n');
    const away = await sendForm(link, { verdict: 'approve' });
    assert.equal(away.status, 503);
    assert.match(away.text, /safe|stays open/i);
    assert.equal((await approverA.vote(open.id, 'approve', 'as ordered')).status, 303);
    assert.equal(await pay.state(open), 'approved');

    const [grant] = await stack.sql<{ id: string }>('select id from grants where decision_id = $1', [
      open.id,
    ]);
    assert.ok(grant);
    const call = { run: token, tool: 'ledger.transfer', grant: grant.id };
    for (const [args, step] of [
      [{ ...open.args, amount: '120.01' }, 'a:0:0'],
      [{ ...open.args, payee: 'ACME ' }, 'b:0:0'],
      [{ ...open.args, payee: 'АСМЕ' }, 'c:0:0'],
      [{ ...open.args, reference: 'other' }, 'd:0:0'],
    ] as const) {
      const { body } = await asN8n(stack, 'POST', '/v1/executions', { ...call, args, step });
      assert.equal(body.status, 'denied', JSON.stringify(body));
      assert.match(JSON.stringify(body.reasons), /grant_other_call|args_/);
    }
    const other = await asN8n(stack, 'POST', '/v1/executions', {
      ...call,
      tool: 'customers.delete',
      args: { customer: '9' },
      step: 'e:0:0',
    });
    assert.equal(other.body.status, 'denied');
    assert.equal(await pay.paid('n8n-killed'), 0);

    await stack.restart('n8n');
    await requester.answerTo(open.said, /Paid/, 60_000);
    assert.equal(await pay.paid('n8n-killed'), 1);
    const again = await asN8n(stack, 'POST', '/v1/executions', {
      ...call,
      args: open.args,
      step: 'again:0:0',
    });
    assert.notEqual(again.body.status, 'succeeded', 'a grant serves one call');
    assert.equal(await pay.paid('n8n-killed'), 1);
    assert.match((await sendForm(link, { verdict: 'approve' })).text, /closed|already|does not exist/i);
    assert.deepEqual(await pay.outcomes(open), ['approved']);
  });

  it('keeps votes and outcomes when gateway and Postgres are killed as well', async () => {
    const open = await pay.ask('all-killed', '2000');
    assert.equal((await approverA.vote(open.id, 'approve')).status, 303);
    await kill(stack, 'postgres');
    await kill(stack, 'gateway');
    await stack.restart('postgres');
    await stack.restart('gateway');
    assert.equal(await pay.votes(open), 1, 'a vote that was answered is kept');
    assert.equal((await approverB.vote(open.id, 'approve')).status, 303);
    await requester.answerTo(open.said, /Paid/, 60_000);
    assert.equal(await pay.paid('all-killed'), 1);
  });
});
