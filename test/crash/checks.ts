import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestStack } from '../e2e/support/stack.ts';
import type { Load } from './load.ts';

interface Row {
  ts: string;
  writer: string;
  state: string;
  runs: number;
  first_reply: string | null;
  texts: string[];
  unsent: number;
}

const messages = (stack: TestStack): Promise<Row[]> =>
  stack.sql<Row>(
    `select m.envelope #>> '{data,message,nativeId}' as ts, m.principal as writer, m.state,
       (select count(*) from runs r where r.message_id = m.id)::int as runs,
       (select min(o.seq)::text from outbox o where o.message_id = m.id) as first_reply,
       (select coalesce(array_agg(o.body ->> 'text' order by o.seq), '{}') from outbox o where o.message_id = m.id) as texts,
       (select count(*) from outbox o where o.message_id = m.id and o.state <> 'sent')::int as unsent
     from messages m where m.event = 'command' order by m.seq`,
  );

/**
 * Waits until everything that was acknowledged is done and told, and pressed buttons had their effect.
 * @param patienceMs how long nothing may get done before that counts as stuck; a backlog may take its time
 */
export async function settle(stack: TestStack, load: Load, patienceMs: number): Promise<void> {
  let fewest = Infinity;
  let until = 0;
  for (;;) {
    await load.approveOnce();
    const left = (await messages(stack)).filter((row) => row.state !== 'done' || row.unsent > 0);
    if (left.length === 0) return;
    if (left.length < fewest) {
      fewest = left.length;
      until = Date.now() + patienceMs;
    }
    if (Date.now() > until) {
      assert.fail(`${left.length} messages are not done: ${JSON.stringify(left.slice(0, 5), null, 1)}`);
    }
    await sleep(500);
  }
}

/** What must hold once everything settled, whatever was killed before. */
export async function checkEverything(stack: TestStack, load: Load): Promise<void> {
  const rows = await messages(stack);
  const sent = load.acknowledged;
  assert.equal(new Set(rows.map((row) => row.ts)).size, rows.length, 'no message is there twice');
  for (const writer of new Set(sent.map((message) => message.writer))) {
    const theirs = rows.filter((row) => row.writer === writer);
    assert.deepEqual(
      theirs.map((row) => row.ts),
      sent.filter((message) => message.writer === writer).map((message) => message.ts),
      `every acknowledged message of ${writer} is present, once, in order`,
    );
    const replies = theirs.map((row) => Number(row.first_reply));
    assert.deepEqual(
      replies,
      replies.toSorted((a, b) => a - b),
      `${writer} was answered in the order of asking`,
    );
  }
  const paying = new Map(sent.map((message) => [message.ts, message.pays]));
  for (const row of rows) {
    const about = JSON.stringify(row);
    assert.equal(row.state, 'done', about);
    assert.equal(row.runs, 1, about);
    const expected = paying.get(row.ts) ? /^Paid / : /\w/;
    const answers = row.texts.filter((text) => expected.test(text));
    assert.equal(answers.length, 1, `answered once: ${about}`);
  }
  await checkLedger(stack, load);
  const open = await stack.sql(
    `select id, tool, state from attempts where state in ('planned', 'attempting', 'unknown')`,
  );
  assert.deepEqual(open, [], 'every call has an outcome');
}

async function checkLedger(stack: TestStack, load: Load): Promise<void> {
  const expected = load.acknowledged.flatMap(({ pays }) => (pays === null ? [] : [pays])).sort();
  const rows = await stack.demo<{ reference: string }>(
    `select reference from ledger where reference like 'crash-%' order by reference`,
  );
  const found = rows.map((row) => row.reference).sort();
  assert.deepEqual(found, expected, 'the ledger has each approved payment, once');
}
