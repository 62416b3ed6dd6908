import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { InboundMessage } from '../../../gateway/channels/index.ts';
import { attachedIn, createAttachments, type Attachments } from '../../../gateway/delivery/index.ts';
import { sweepRetention } from '../../../gateway/delivery/retention.ts';
import { digestOfText, uuidv7 } from '../../../gateway/envelope/index.ts';
import { message, Stage, until } from './support.ts';

describe('files that come with messages', () => {
  const stage = new Stage();
  let attachments: Attachments;
  before(async () => {
    await stage.open();
    attachments = createAttachments(stage.database.pool, { textRetentionHours: 720 });
  });
  after(() => stage.close());
  beforeEach(() => {
    stage.n8n.dispatches.length = 0;
    stage.n8n.onRun = (dispatch) => stage.answer(dispatch);
  });

  /** A message with one file. */
  const withFile = (change: Parameters<typeof message>[0], text = 'SECRET,1'): InboundMessage => ({
    ...message(change),
    attachments: [
      {
        ...{ id: uuidv7(), name: 'a.csv', mime: 'text/csv', bytes: text.length, sha256: digestOfText(text) },
        ...{ ref: `blob:${digestOfText(text)}`, content: Buffer.from(text) },
      },
    ],
  });
  /** Takes one in and waits until its workflow has it. @returns ids of the message and its file */
  const taken = async (change: Parameters<typeof message>[0]): Promise<{ id: string; file: string }> => {
    const one = withFile(change);
    assert.deepEqual(await stage.delivery.ingest([one]), ['accepted']);
    const { channel, message: named } = one;
    return {
      id: `slack:T1:${channel.conversation}:${named.nativeId}:0`,
      file: one.attachments[0]?.id ?? '',
    };
  };
  const read = async (messageId: string, ...ids: string[]): Promise<string[]> =>
    [...(await attachments.read(messageId, ids)).values()].map(String);

  it('reach n8n as a reference, and their bytes never', async () => {
    const { id, file } = await taken({});
    await until('a dispatch', () => stage.n8n.dispatches.length === 1);
    const [dispatch] = stage.n8n.dispatches;
    assert.deepEqual(dispatch?.envelope.data.attachments, [
      {
        ...{ id: file, name: 'a.csv', mime: 'text/csv', bytes: 8, sha256: digestOfText('SECRET,1') },
        ref: `blob:${digestOfText('SECRET,1')}`,
      },
    ]);
    assert.ok(!JSON.stringify(dispatch).includes('SECRET'));
    assert.deepEqual(await read(id, file), ['SECRET,1']);
    await until('the end', async () => (await stage.stateOf(id)) === 'done');
  });

  it('are read by later messages of their conversation, and by nobody else’s', async () => {
    const { id, file } = await taken({ conversation: 'C7' });
    const later = await taken({ conversation: 'C7' });
    const elsewhere = await taken({ conversation: 'C8' });
    assert.deepEqual(await read(later.id, file, file), ['SECRET,1']);
    for (const forged of [elsewhere.id, 'slack:T1:C7:none:0', ''])
      assert.deepEqual(await read(forged, file), []);
    assert.deepEqual(await read(id, elsewhere.file, 'no id', "' or true --"), []);
    const { rows } = await stage.database.pool.query<{ key: string }>(
      'select session_key as key from messages where id = $1',
      [id],
    );
    const named = await attachedIn(stage.database.pool, {
      ...{ sessionKey: rows[0]?.key ?? '', principal: 'ann', messageId: later.id },
    });
    assert.deepEqual(
      named.map(({ id: of, ofThisMessage }) => [of, ofThisMessage]),
      [
        [later.file, true],
        [file, false],
      ],
    );
    // An account that was given to somebody else keeps its conversation, and not the files of who had it before.
    await stage.database.pool.query(`update messages set principal = 'eve' where id = $1`, [later.id]);
    assert.deepEqual(await read(later.id, file), []);
  });

  it('go with the text of their message', async () => {
    const { id, file } = await taken({ conversation: 'C9' });
    await until('the end', async () => (await stage.stateOf(id)) === 'done');
    await stage.delivery.sweep();
    assert.deepEqual(await read(id, file), ['SECRET,1']);
    const { pool } = stage.database;
    await pool.query(`update messages set received_at = now() - interval '2 hours' where id = $1`, [id]);
    await sweepRetention({ pool, settings: { ...stage.settings, textRetentionHours: 1 } });
    assert.deepEqual(await read(id, file), []);
    const { rows } = await stage.database.pool.query('select from attachments where id = $1', [file]);
    assert.deepEqual(rows, []);
  });

  it('are not kept of somebody who is not known, nor where a message is refused', async () => {
    assert.deepEqual(await stage.delivery.ingest([withFile({ sender: 'X9' })]), ['refused']);
    stage.allow = () => ({ verdict: 'refuse', tell: false });
    const tooOften = withFile({});
    assert.deepEqual(await stage.delivery.ingest([tooOften]), ['refused']);
    stage.allow = () => ({ verdict: 'go' });
    const { rows } = await stage.database.pool.query(
      `select from attachments a join messages m on m.id = a.message_id where m.state = 'refused'`,
    );
    assert.deepEqual(rows, []);
  });

  it('are no more for one person than a bound, whatever the conversation', async () => {
    const { id } = await taken({ conversation: 'C11' });
    const [added] = withFile({}).attachments;
    assert.ok(added);
    await attachments.makeSure('ann', [added]);
    await stage.database.pool.query('update attachments set bytes = 134217720 where message_id = $1', [id]);
    await assert.rejects(attachments.makeSure('ann', [added]), { code: 'GH-DELIVERY-012', status: 413 });
    await attachments.makeSure('ann', []);
    await attachments.makeSure('eve', [added]);
  });
});
