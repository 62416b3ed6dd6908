import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import type { Notice } from '../../../gateway/delivery/index.ts';
import { message, Stage, until } from './support.ts';

describe('the outbox', () => {
  const stage = new Stage();
  before(() => stage.open());
  after(() => stage.close());
  beforeEach(() => {
    stage.channel.sent.length = 0;
    stage.channel.failing = undefined;
    stage.n8n.onRun = undefined;
  });

  const reply = (messageId: string, id: string, text: string, final = false): Promise<string | null> =>
    stage.within((tx) => stage.delivery.reply(tx, { messageId, id, body: { text }, final }));

  async function received(nativeId: string): Promise<string> {
    await stage.delivery.ingest([message({ nativeId, conversation: nativeId })]);
    const id = `slack:T1:${nativeId}:${nativeId}:0`;
    await until('its turn', async () => (await stage.stateOf(id)) === 'running');
    return id;
  }

  it('sends one reply per reply id, and a later text of the message edits the former', async () => {
    const id = await received('o1');
    assert.ok(await reply(id, 'r1', 'needs approval'));
    assert.equal(await reply(id, 'r1', 'needs approval'), null);
    await reply(id, 'r2', 'done', true);
    await until('both', () => stage.channel.sent.length === 2);
    assert.deepEqual(
      stage.channel.sent.map((sent) => [sent.message.text, sent.previous]),
      [
        ['needs approval', null],
        ['done', 'n1'],
      ],
    );
    assert.equal(await stage.stateOf(id), 'done');
  });

  it('gives a second answer a message of its own, so that no outcome takes the place of another', async () => {
    const id = await received('o8');
    await reply(id, 'y1', 'needs you');
    await reply(id, 'y2', 'noted about 7', true);
    await reply(id, 'y3', 'noted about 8', true);
    assert.equal(await reply(id, 'y3', 'noted about 8', true), null);
    await until('all', () => stage.channel.sent.length === 3);
    const sent = stage.channel.sent.map(({ message: { text }, previous }) => [text, previous]);
    assert.deepEqual(
      sent
        .sort(([one], [other]) => String(other).localeCompare(String(one)))
        .map(([text, previous]) => [text, previous !== null]),
      [
        ['noted about 8', false],
        ['noted about 7', true],
        ['needs you', false],
      ],
    );
  });

  it('does the same for the answers of a run, each of which is stored whole or not at all', async () => {
    const messageId = await received('o9');
    const { rows } = await stage.database.pool.query<{ id: string }>(
      'select id from runs where message_id = $1',
      [messageId],
    );
    const runId = rows[0]?.id ?? '';
    const answer = (id: string, text: string): Promise<void> =>
      stage.within((tx) => {
        stage.delivery.answer(tx, { runId, messageId, channel: 'slack', id, body: { text } });
      });
    await reply(messageId, 'z0', 'needs you');
    await answer('z1', 'noted about 7');
    assert.equal(await stage.stateOf(messageId), 'done');
    await answer('z2', 'noted about 8');
    await assert.rejects(answer('z2', 'noted about 9'), { code: '23505' });
    await until('all', () => stage.channel.sent.length === 3);
    const edits = new Map(
      stage.channel.sent.map(({ message: { text }, previous }) => [text, previous !== null]),
    );
    assert.deepEqual(Object.fromEntries(edits), {
      'needs you': false,
      'noted about 7': true,
      'noted about 8': false,
    });
    const receipts = await stage.database.pool.query(
      `select facts from receipts where kind = 'reply' and message_id = $1 and facts->>'reply' like 'z%'`,
      [messageId],
    );
    assert.equal(receipts.rows.length, 3);
    const turns = await stage.database.pool.query(
      `select from pgboss.job where name = 'dispatch' and data->>'message' = $1`,
      [messageId],
    );
    assert.equal(turns.rows.length, 0);
    const nowhere = { runId, messageId: 'slack:T1:nothing', channel: 'slack', id: 'z3', body: { text: 'x' } };
    await assert.rejects(
      stage.within((tx) => {
        stage.delivery.answer(tx, nowhere);
      }),
    );
  });

  it('keeps the order when the first cannot be sent at once', async () => {
    const id = await received('o2');
    let failures = 1;
    stage.channel.failing = () => ((failures -= 1) >= 0 ? new Error('vendor is down') : undefined);
    await reply(id, 's1', 'one');
    await reply(id, 's2', 'two');
    await until('both', () => stage.channel.sent.length === 2);
    assert.deepEqual(stage.texts(), ['one', 'two']);
  });

  it('gives up what the vendor refuses for good, and goes on', async () => {
    const id = await received('o3');
    stage.channel.failing = ({ text }) =>
      text === 'bad' ? new GatehouseError('GH-CHANNEL-006', 'not in channel', { status: 400 }) : undefined;
    await reply(id, 't1', 'bad');
    await reply(id, 't2', 'good');
    await until('the second', () => stage.texts().includes('good'));
    const { rows } = await stage.database.pool.query<{ state: string; problem: string }>(
      `select state, problem from outbox where id = 't1'`,
    );
    assert.deepEqual(rows, [{ state: 'dead', problem: 'not in channel' }]);
  });

  it('does not send what its transaction took back', async () => {
    const id = await received('o4');
    await assert.rejects(
      stage.within(async (tx) => {
        await stage.delivery.reply(tx, {
          messageId: id,
          id: 'v1',
          body: { text: 'never' },
          final: true,
        });
        throw new Error('rolled back');
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(stage.texts(), []);
    assert.notEqual(await stage.stateOf(id), 'done');
  });

  it('sends what a killed gateway had claimed', async () => {
    const id = await received('o5');
    await stage.stopGateway();
    await stage.database.pool.query(
      `insert into outbox (id, message_id, session_key, channel, route, body, attempts, claimed_until)
       values ('w1', $1, 'session-of-o5-000', 'slack', '{"channel":"o5"}', '{"text":"late"}', 1, now() + interval '1 s')`,
      [id],
    );
    await stage.startGateway();
    await until('it', () => stage.texts().includes('late'));
  });

  it('reaches a person on each of their channels, each card edited in its own place', async () => {
    const notify = (id: string, text: string): Promise<number> =>
      stage.within((tx) =>
        stage.delivery.notify(tx, { principal: 'ann', id, card: 'dec_1', body: { text } }),
      );
    assert.equal(await notify('n-1', 'please decide'), 1);
    assert.equal(await notify('n-2', 'decided'), 1);
    await until('both', () => stage.channel.sent.length === 2);
    assert.deepEqual(stage.channel.sent[0]?.route, { channel: 'D-U1' });
    assert.equal(stage.channel.sent[1]?.previous, 'n1');
    assert.equal(
      await stage.within((tx) =>
        stage.delivery.notify(tx, { principal: 'nobody', id: 'n-3', card: 'dec_2', body: { text: 'x' } }),
      ),
      0,
    );
  });

  it('tells several at once, each what is theirs', async () => {
    const told = (principal: string): Notice => ({
      principal,
      id: `all-${principal}`,
      card: `dec_9:${principal}`,
      body: ({ id }) => Promise.resolve({ text: `for ${id}` }),
    });
    assert.deepEqual(
      await stage.within((tx) => stage.delivery.notifyAll(tx, [told('nobody'), told('ann')])),
      [0, 1],
    );
    await until('it is sent', () => stage.texts().includes('for U1'));
    assert.deepEqual(await stage.within((tx) => stage.delivery.notifyAll(tx, [])), []);
  });

  it('forgets raw payloads, texts and at last rows, but nothing that still waits', async () => {
    const id = await received('o6');
    const waiting = await received('o7');
    await reply(id, 'x1', 'bye', true);
    await until('it is sent', () => stage.texts().includes('bye'));
    const { pool } = stage.database;
    const age = (hours: number): Promise<unknown> =>
      pool.query(
        `with m as (update messages set received_at = now() - $1 * interval '1 hour')
         update outbox set created_at = now() - $1 * interval '1 hour'`,
        [hours],
      );
    const row = async (which: string): Promise<{ raw: unknown; envelope: unknown } | undefined> => {
      const { rows } = await pool.query<{ raw: unknown; envelope: unknown }>(
        'select raw, envelope from messages where id = $1',
        [which],
      );
      return rows[0];
    };
    await age(73);
    await stage.delivery.sweep();
    assert.equal((await row(id))?.raw, null);
    assert.ok((await row(id))?.envelope);
    const call = [id, 'a'.repeat(64)];
    await pool.query(
      `with d as (
         insert into decisions (id, message_id, run_id, session_key, step, tool, args, digest, effect, reasons,
           policy_version, created_at, expires_at)
         values ('dec_old', $1, gen_random_uuid(), 's', 'n', 'ledger.balance', '{"said": 1}', $2, 'allow', '[]', 'v',
           now() - interval '721 hours', now()))
       insert into attempts (id, grant_id, decision_id, message_id, step, tool, digest, state, result, finished_at)
       values ('att_old', 'g', 'dec_old', $1, 'n', 'ledger.balance', $2, 'succeeded', '{"said": 1}',
         now() - interval '721 hours')`,
      call,
    );
    await age(721);
    await stage.delivery.sweep();
    const calls = await pool.query(
      'select args, result from decisions d join attempts a on a.decision_id = d.id',
    );
    assert.deepEqual(calls.rows, [{ args: null, result: null }]);
    assert.equal(await row(id), undefined);
    assert.ok((await row(waiting))?.envelope);
    const { rows } = await pool.query(`select 1 from outbox where id = 'x1'`);
    assert.deepEqual(rows, []);
  });

  it('forgets the words in a refused call, at the next start if it does not run for long', async () => {
    const { pool } = stage.database;
    await pool.query(
      `insert into decisions (id, message_id, run_id, session_key, step, tool, digest, effect, reasons,
         policy_version, created_at, expires_at)
       select id, 'm', gen_random_uuid(), 's', id, tool, id, 'deny', reasons, 'v', now() - hours * interval '1 hour',
         now()
       from (values
         ('dec_tool', 'canary', '[{"code":"tool_unknown","text":"There is no tool of this name."}]'::jsonb, 721),
         ('dec_args', 'ledger.balance',
           '[{"code":"args_invalid","text":"The argument canary is not an argument of this tool."}]', 721),
         ('dec_rule', 'customers.export', '[{"code":"export_denied","text":"Nobody exports."}]', 721),
         ('dec_young', 'canary-of-today', '[{"code":"tool_unknown","text":"There is no tool of this name."}]', 1)
       ) as d (id, tool, reasons, hours)`,
    );
    await stage.stopGateway();
    await stage.startGateway();
    const kept = async (): Promise<string> => {
      const { rows } = await pool.query(
        `select id, tool, reasons -> 0 ->> 'text' as text from decisions where message_id = 'm' order by id`,
      );
      return JSON.stringify(rows.map((row) => Object.values(row as object)));
    };
    await until('an end of the words', async () => !/canary(?!-of-today)/.test(await kept()));
    assert.equal(
      await kept(),
      JSON.stringify([
        ['dec_args', 'ledger.balance', 'The arguments were not usable.'],
        ['dec_rule', 'customers.export', 'Nobody exports.'],
        ['dec_tool', '', 'There is no tool of this name.'],
        ['dec_young', 'canary-of-today', 'There is no tool of this name.'],
      ]),
    );
  });
});
