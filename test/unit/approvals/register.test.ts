import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { visible } from '../../../gateway/approvals/card.ts';
import { lockApprovals } from '../../../gateway/approvals/store.ts';
import { transaction } from '../../../gateway/db/index.ts';
import { hashToken } from '../../../gateway/envelope/index.ts';
import { gateOf, openHouse, publicUrl, stateOf, tokenFor, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());
beforeEach(() => {
  for (const list of Object.values(house.seen)) list.length = 0;
  house.unreachable.clear();
});

const approve = (approvalId: string, principal = 'approver-a') =>
  house.approvals.vote({ approvalId, principal, verdict: 'approve', channel: 'web' });

test('every approver gets a link of their own; the requester is told who was asked, why and until when', async () => {
  const { id, run } = await house.decision({ quorum: 2 });
  const gate = gateOf([{ id }]);
  const answer = await house.approvals.register(run, gate);
  assert.equal(answer.approvals[0]?.state, 'pending');
  assert.ok(Date.parse(answer.waitUntil) > Date.parse(answer.approvals[0]?.deadline ?? ''));
  assert.deepEqual(house.seen.notices.map((notice) => notice.principal).sort(), ['approver-a', 'approver-b']);
  const tokens = ['approver-a', 'approver-b'].map((principal) => tokenFor(house.seen, principal, id));
  assert.notEqual(tokens[0], tokens[1]);
  const link = house.seen.notices[0]?.link ?? '';
  assert.ok(link.startsWith(`${publicUrl}${gate.items[0]?.resumePath}#vote_`));
  const text = house.seen.replies[0]?.text ?? '';
  assert.match(text, /Approval is needed: 120\.00 EUR/);
  assert.match(text, /Payments need an approval/);
  assert.match(text, /Alex Approver, Blake Approver\. 2 different people/);
  assert.match(text, /open until \d{4}-/);
  assert.deepEqual(house.seen.waiting, [run.runId]);
});

test('the same registration again asks nobody twice and keeps deadline and votes', async () => {
  const { id, run } = await house.decision({ quorum: 2 });
  const gate = gateOf([{ id }]);
  const first = await house.approvals.register(run, gate);
  await approve(id);
  const notices = house.seen.notices.length;
  const second = await house.approvals.register(run, gate);
  assert.equal(second.approvals[0]?.deadline, first.approvals[0]?.deadline);
  assert.equal(house.seen.notices.length, notices);
  assert.equal((await approve(id, 'approver-b')).state, 'approved');
});

test('a redispatched run takes over votes, and people get the link of the new execution', async () => {
  const { id, run } = await house.decision({ quorum: 2 });
  await house.approvals.register(run, gateOf([{ id }]));
  await approve(id);
  const moved = gateOf([{ id }]);
  await house.approvals.register(run, moved);
  assert.ok(house.seen.notices.at(-1)?.link?.includes(`/${moved.executionId}/`));
  assert.equal((await approve(id, 'approver-b')).state, 'approved');
});

test('a gate that comes back to a settled approval gets the outcome at once and waits for nothing', async () => {
  const { id, run } = await house.decision();
  await house.approvals.register(run, gateOf([{ id }]));
  await approve(id);
  house.seen.waiting.length = 0;
  const again = await house.approvals.register(run, gateOf([{ id }]));
  assert.equal(again.approvals[0]?.outcome?.state, 'approved');
  assert.equal(again.approvals[0]?.outcome?.grant, `grant_${id}`);
  assert.deepEqual(house.seen.waiting, []);
  assert.equal((await stateOf(house, id)).delivered, true);
});

test('in a loop only the latest registered approval can be decided', async () => {
  const first = await house.decision();
  const second = await house.decision({ run: first.run });
  await house.approvals.register(first.run, gateOf([first], 'loop'));
  const stale = tokenFor(house.seen, 'approver-a', first.id);
  await house.approvals.register(first.run, gateOf([second], 'loop'));
  await assert.rejects(house.approvals.voteByToken(first.id, stale, 'approve'), { code: 'GH-APPROVAL-008' });
  await assert.rejects(house.approvals.voteByToken(second.id, stale, 'approve'), { code: 'GH-APPROVAL-002' });
  assert.equal((await stateOf(house, first.id)).state, 'superseded');
  assert.equal((await stateOf(house, second.id)).state, 'pending');
});

test('decisions of another message, and those that ask nobody, cannot be registered', async () => {
  const mine = await house.decision();
  const foreign = await house.decision();
  for (const decision of [
    foreign,
    { id: 'dec_none' },
    await house.decision({ run: mine.run, effect: 'allow' }),
    await house.decision({ run: mine.run, effect: 'deny' }),
  ]) {
    await assert.rejects(house.approvals.register(mine.run, gateOf([mine, decision])), {
      code: 'GH-APPROVAL-012',
      field: 'items.1.decision',
    });
  }
  await assert.rejects(house.approvals.register(mine.run, gateOf([mine, mine])), { code: 'GH-APPROVAL-012' });
  await assert.rejects(house.approvals.card(mine.id), { code: 'GH-APPROVAL-001' });
});

test('a resume path that leads anywhere but to this very wait is refused', async () => {
  const { id, run } = await house.decision();
  const other = await house.decision();
  const good = `/webhook-waiting/7/node-1?approval=${id}&signature=feed`;
  for (const resumePath of [
    `//evil.example/webhook-waiting/7/node-1?approval=${id}&signature=feed`,
    `@evil.example${good}`,
    `/webhook-waiting/8/node-1?approval=${id}&signature=feed`,
    `/webhook-waiting/7/../7/node-1?approval=${id}&signature=feed`,
    `/webhook/7/node-1?approval=${id}&signature=feed`,
    `/webhook-waiting/7/node-1?approval=${other.id}&signature=feed`,
    `/webhook-waiting/7/node-1?approval=${id}&approval=${other.id}&signature=feed`,
    `/webhook-waiting/7/node-1?approval=${id}`,
    `${good}#fragment`,
    `${good}\r\nX-Evil: 1`,
  ]) {
    const gate = { executionId: '7', nodeId: 'node-1', items: [{ decision: id, resumePath }] };
    await assert.rejects(
      house.approvals.register(run, gate),
      { code: 'GH-APPROVAL-013', field: 'items.0.resumePath' },
      resumePath,
    );
  }
});

test('an approval that nobody may decide is undeliverable at once, with the reason', async () => {
  for (const options of [{ groups: [] }, { groups: ['nobody'] }, { quorum: 3 }]) {
    const { id, run } = await house.decision(options);
    const answer = await house.approvals.register(run, gateOf([{ id }]));
    assert.equal(answer.approvals[0]?.state, 'undeliverable');
    assert.match(answer.approvals[0]?.outcome?.reason ?? '', /other than the requester/);
    assert.ok(
      house.seen.replies.some(
        (reply) => reply.id.startsWith(id) && /could not be delivered/.test(reply.text),
      ),
    );
  }
  assert.deepEqual(house.seen.waiting, []);
});

test('an approval whose approvers have no channel is undeliverable too', async () => {
  house.unreachable.add('approver-a').add('approver-b');
  const { id, run } = await house.decision();
  const answer = await house.approvals.register(run, gateOf([{ id }]));
  assert.match(answer.approvals[0]?.outcome?.reason ?? '', /0 of 2 approvers can be reached/);
});

test('the card says who asks for what, why, and which values the requester did not type', async () => {
  const { id, run } = await house.decision({
    args: { amount: '5120', currency: 'EUR', payee: 'AC\u202eME', reference: 'invoice-42' },
    provenance: [
      { at: '/amount', arg: 'amount', kind: 'sizes', origin: 'user' },
      {
        at: '/payee',
        arg: 'payee',
        kind: 'redirects',
        origin: 'tool',
        source: { attempt: 'att_1', tool: 'http.request', at: '2026-11-01T10:02:00.000Z' },
      },
      { at: '/reference', arg: 'reference', kind: 'content', origin: 'unknown' },
    ],
  });
  await house.approvals.register(run, gateOf([{ id }]));
  const card = await house.approvals.card(id, 'approver-a');
  assert.equal(card.sentence, 'Robin Requester asks to pay 5,120.00 EUR to AC\\u{202e}ME (invoice-42)');
  assert.equal(card.effect, '5,120.00 EUR');
  assert.deepEqual(
    card.facts.map((fact) => `${fact.label}: ${fact.value}`),
    ['Amount: 5,120.00 EUR', 'Payee: AC\\u{202e}ME'],
  );
  assert.equal(card.quoted, 'Reference:\ninvoice-42', 'text that nobody typed is no fact');
  assert.deepEqual(
    card.provenance.map((entry) => `${entry.label} from ${entry.source}`),
    ['Payee from the result of “HTTP request” at 2026-11-01 10:02 UTC'],
  );
  assert.equal(card.mayVote, true);
  const fromInbox = new URL(card.formUrl ?? '').hash.slice(1);
  assert.equal((await house.approvals.voteByToken(id, fromInbox, 'approve')).state, 'approved');
});

test('attack: two payees that look alike on screen do not look alike on the card', () => {
  for (const mark of [
    '\u3164',
    '\u2800',
    '\u00a0',
    '\u115f',
    '\u034f',
    '\ufe0f',
    '\u200b',
    '\u{e0101}',
    '\u2003',
  ])
    assert.equal(visible(`ACME${mark}`), `ACME\\u{${mark.codePointAt(0)?.toString(16)}}`);
  for (const text of ['ACME Corp', 'Zoë Ünal', '株式会社', 'مؤسسة', 'नमस्ते', '120.00 €'])
    assert.equal(visible(text), text);
});

test('the inbox lists what waits for a person, and what they asked for', async () => {
  const { id, run } = await house.decision({ quorum: 2 });
  await house.approvals.register(run, gateOf([{ id }]));
  const listed = async (principal: string) =>
    (await house.approvals.pendingFor(principal)).some((card) => card.id === id);
  assert.equal(await listed('approver-a'), true);
  assert.equal(await listed('requester'), false);
  assert.equal(await listed('stranger'), false);
  await approve(id);
  assert.equal(await listed('approver-a'), false);
  assert.equal(await listed('approver-b'), true);
  assert.ok((await house.approvals.requestedBy('requester')).some((card) => card.id === id));
  assert.ok((await house.approvals.listOpen()).cards.some((card) => card.id === id));
});

test('looking at a card again and again keeps the number of living links small', async () => {
  const { id, run } = await house.decision();
  await house.approvals.register(run, gateOf([{ id }]));
  const links = async (): Promise<string[]> => {
    const { rows } = await house.database.pool.query<{ hash: string }>(
      `select token_hash::text as hash from approval_tokens
       where approval_id = $1 and identity @> '{"channel":"web","id":"approver-a"}' order by made_at`,
      [id],
    );
    return rows.map(({ hash }) => hash);
  };
  for (let look = 0; look < 10; look += 1) await house.approvals.card(id, 'approver-a');
  const living = await links();
  assert.equal(living.length, 4);
  const { formUrl } = await house.approvals.card(id, 'approver-a');
  const newest = hashToken(new URL(formUrl ?? '').hash.slice(1)).toString('hex');
  assert.deepEqual(await links(), [...living.slice(1), `\\x${newest}`], 'the oldest makes room');
  const unlinked = await house.approvals.card(id, 'approver-a', { link: false });
  assert.deepEqual([unlinked.mayApprove, unlinked.formUrl, (await links()).length], [true, null, 4]);
  assert.ok((await links()).includes(`\\x${newest}`), 'a look without a link takes none away');
});

test('who opens a card does not wait for a vote that is under way', async () => {
  const { id, run } = await house.decision();
  await house.approvals.register(run, gateOf([{ id }]));
  await transaction(house.database.pool, async (tx) => {
    await lockApprovals(tx, [id]);
    const card = await Promise.race([house.approvals.card(id, 'approver-a'), sleep(3000)]);
    assert.ok(card?.formUrl);
  });
});
