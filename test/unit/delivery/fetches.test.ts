import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { AttachmentFlaw, InboundMessage } from '../../../gateway/channels/index.ts';
import { attachedIn, createAttachments, type Attachments } from '../../../gateway/delivery/index.ts';
import { sweepRetention } from '../../../gateway/delivery/retention.ts';
import { uuidv7 } from '../../../gateway/envelope/index.ts';
import { message, Stage, until } from './support.ts';

const url = 'https://files.example.com/SECRET-ADDRESS';

describe('files of vendors', () => {
  const stage = new Stage();
  let attachments: Attachments;
  let count = 0;
  before(async () => {
    await stage.open();
    attachments = createAttachments(stage.database.pool, { textRetentionHours: 720 });
  });
  after(() => stage.close());
  beforeEach(() => {
    stage.channel.files.clear();
    stage.channel.fetched.length = 0;
    stage.channel.sent.length = 0;
    stage.n8n.onRun = (dispatch) => stage.answer(dispatch);
  });

  const withFile = (
    change: Parameters<typeof message>[0] = {},
    file: {
      source?: { url: string };
      flaw?: AttachmentFlaw;
      name?: string;
      bytes?: number;
      nativeId?: string;
    } = {
      source: { url },
    },
  ): { one: InboundMessage; id: string; file: string } => {
    const said = message({ conversation: `F${(count += 1)}`, ...change });
    const named = {
      id: uuidv7(),
      name: 'a.csv',
      mime: 'text/csv',
      bytes: 3,
      sha256: null,
      ref: null,
      ...file,
    };
    const one = { ...said, attachments: [named] };
    return { one, id: `slack:T1:${said.channel.conversation}:${said.message.nativeId}:0`, file: named.id };
  };
  const rowOf = async (file: string): Promise<Record<string, unknown> | undefined> => {
    const { rows } = await stage.database.pool.query<Record<string, unknown>>(
      `select convert_from(content, 'utf8') as content, flaw, source, due_at, attempts from attachments where id = $1`,
      [file],
    );
    return rows[0];
  };
  const notes = (): string[] =>
    stage.channel.sent.map(({ message: said }) => said.text).filter((text) => text.includes('file'));
  const csv =
    (text = 'a,b') =>
    () =>
      Promise.resolve({ content: Buffer.from(text) });

  it('are fetched once their message is stored, and a call waits for what is on its way', async () => {
    let give: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (give = resolve));
    stage.channel.files.set(url, async () => (await gate, { content: Buffer.from('a,b') }));
    const { one, id, file } = withFile();
    assert.deepEqual(await stage.delivery.ingest([one]), ['accepted']);
    const reading = attachments.read(id, [file]);
    await until('the fetch', () => stage.channel.fetched.length === 1);
    give();
    assert.deepEqual((await reading).get(file), Buffer.from('a,b'));
    assert.deepEqual(await rowOf(file), {
      content: 'a,b',
      flaw: null,
      source: null,
      due_at: null,
      attempts: 1,
    });
    assert.deepEqual(notes(), []);
  });

  it('are asked for again where their vendor is away, also by the next process', async () => {
    const { one, file } = withFile();
    await stage.delivery.ingest([one]);
    await until('the first try', async () => (await rowOf(file))?.attempts === 1);
    await stage.stopGateway();
    stage.channel.files.set(url, csv());
    await stage.database.pool.query('update attachments set due_at = now() where id = $1', [file]);
    await stage.startGateway();
    await until('the file', async () => (await rowOf(file))?.content === 'a,b');
  });

  it('that cannot be had are told of once, each with why, and are named to who works with them', async () => {
    stage.channel.files.set(url, () => Promise.resolve({ flaw: 'gone' as const }));
    const gone = withFile();
    const large = withFile({}, { flaw: 'too_large', name: 'film.csv' });
    await stage.delivery.ingest([gone.one, large.one]);
    await until('both notes', () => notes().length === 2);
    assert.deepEqual(notes().sort(), [
      'I do not have a file of yours.\n“a.csv”: it was deleted there.',
      'I do not have a file of yours.\n“film.csv”: the files of a message can have 4 MB together.',
    ]);
    const { code, text } = (await attachments.read(gone.id, [gone.file])).get(gone.file) as {
      code: string;
      text: string;
    };
    assert.deepEqual(
      [code, text],
      ['attachment_unavailable', 'The file cannot be had: it was deleted there.'],
    );
    const { rows } = await stage.database.pool.query<{ key: string }>(
      'select session_key as key from messages where id = $1',
      [large.id],
    );
    const named = await attachedIn(stage.database.pool, {
      sessionKey: rows[0]?.key ?? '',
      principal: 'ann',
      messageId: large.id,
    });
    assert.deepEqual(
      named.map(({ name, flaw }) => [name, flaw]),
      [['film.csv', 'too_large']],
    );
  });

  it('attack: bytes that are not what they were said to be are not kept', async () => {
    stage.channel.files.set(url, csv('a\0b'));
    const { one, file } = withFile();
    await stage.delivery.ingest([one]);
    await until('the end', async () => (await rowOf(file))?.flaw === 'type');
    assert.equal((await rowOf(file))?.content, null);
  });

  it('of a message that was edited are not fetched again where they are the same', async () => {
    stage.channel.files.set(url, csv());
    const nativeId = 'F100';
    const first = withFile({}, { source: { url }, nativeId });
    await stage.delivery.ingest([first.one]);
    await until('the file', async () => (await rowOf(first.file))?.content === 'a,b');
    const edit = (change: object): { one: InboundMessage; file: string } => {
      const file = uuidv7();
      const [named] = first.one.attachments;
      assert.ok(named);
      const { nativeId: own, revision } = first.one.message;
      const message = { nativeId: own, replyTo: null, revision: revision + (count += 1) };
      const attachments = [{ ...named, id: file, ...change }];
      return { one: { ...first.one, event: 'edited', message, attachments }, file };
    };
    const same = edit({});
    await stage.delivery.ingest([same.one]);
    await until('the same', async () => (await rowOf(same.file))?.content === 'a,b');
    assert.equal(stage.channel.fetched.length, 1);
    // A file that grew is another one, and nothing is known from another conversation.
    stage.channel.files.set(url, csv('a,b,c'));
    const grown = edit({ bytes: 5 });
    const elsewhere = withFile({}, { source: { url }, nativeId, bytes: 5 });
    await stage.delivery.ingest([grown.one, elsewhere.one]);
    await until('the other', async () => (await rowOf(grown.file))?.content === 'a,b,c');
    await until('that of elsewhere', async () => (await rowOf(elsewhere.file))?.content === 'a,b,c');
    assert.equal(stage.channel.fetched.length, 3);
  });

  it('of somebody who is not known are never asked for', async () => {
    stage.channel.files.set(url, csv());
    const stranger = withFile({ sender: 'X9' });
    assert.deepEqual(await stage.delivery.ingest([stranger.one]), ['refused']);
    const known = withFile();
    await stage.delivery.ingest([known.one]);
    await until('the file', async () => (await rowOf(known.file))?.content === 'a,b');
    assert.equal(stage.channel.fetched.length, 1);
    assert.equal(await rowOf(stranger.file), undefined);
  });

  it('are not stored once their text was deleted', async () => {
    let give: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (give = resolve));
    stage.channel.files.set(url, async () => (await gate, { content: Buffer.from('a,b') }));
    const { one, id, file } = withFile();
    await stage.delivery.ingest([one]);
    await until('the fetch', () => stage.channel.fetched.length === 1);
    await until('the end', async () => (await stage.stateOf(id)) === 'done');
    const { pool } = stage.database;
    await pool.query(`update messages set received_at = now() - interval '2 hours' where id = $1`, [id]);
    await sweepRetention({ pool, settings: { ...stage.settings, textRetentionHours: 1 } });
    give();
    await stage.stopGateway();
    assert.equal(await rowOf(file), undefined);
    await stage.startGateway();
  });

  it('attack: where they are stands in no envelope, note or dispatch', async () => {
    const { rows } = await stage.database.pool.query<{ said: string }>(
      `select (select string_agg(envelope::text, '') from messages) || (select string_agg(body::text, '') from outbox)
         || (select string_agg(facts::text, '') from receipts) as said`,
    );
    assert.ok(!rows[0]?.said.includes('SECRET-ADDRESS'));
    assert.ok(!JSON.stringify(stage.n8n.dispatches).includes('SECRET-ADDRESS'));
  });
});
