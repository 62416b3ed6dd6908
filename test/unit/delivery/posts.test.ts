import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { message, Stage, until } from './support.ts';

describe('messages of our own', () => {
  const stage = new Stage();
  before(() => stage.open());
  after(() => stage.close());
  beforeEach(() => {
    stage.channel.sent.length = 0;
    stage.channel.failing = undefined;
  });

  const post = (
    id: string,
    text: string,
    conversation = 'C9',
    messageId = 'slack:T1:a:a:0',
  ): Promise<string | null> =>
    stage.within((tx) =>
      stage.delivery.post(tx, {
        id,
        messageId,
        name: 'news',
        to: stage.delivery.conversation('slack', conversation),
        body: { text },
      }),
    );
  const texts = (): string[] => stage.channel.sent.map((sent) => sent.message.text);

  it('go into their conversation once each, in their order, with a receipt', async () => {
    assert.ok(await post('p1', 'one'));
    assert.equal(await post('p1', 'one again'), null);
    assert.ok(await post('p2', 'two'));
    await until('both', () => stage.channel.sent.length === 2);
    assert.deepEqual(texts(), ['one', 'two']);
    assert.deepEqual(stage.channel.sent[0]?.route, { channel: 'C-C9' });
    assert.deepEqual([stage.channel.sent[1]?.previous], [null]);
    const { rows } = await stage.database.pool.query(
      `select facts from receipts where kind = 'post' order by arrival`,
    );
    assert.deepEqual(rows[0]?.facts, { post: 'p1', channel: 'slack', conversation: 'news' });
  });

  it('that cannot be delivered are told to who asked for them, once', async () => {
    await stage.delivery.ingest([message({ nativeId: 'asker', conversation: 'asker' })]);
    const asker = 'slack:T1:asker:asker:0';
    await until('its turn', async () => (await stage.stateOf(asker)) === 'running');
    stage.channel.failing = ({ text }) =>
      text === 'lost'
        ? new GatehouseError('GH-CHANNEL-006', 'Slack refuses the message: not_in_channel.', { status: 422 })
        : undefined;
    await post('p3', 'lost', 'C8', asker);
    await until('the news', () => stage.channel.sent.length === 1);
    assert.match(texts()[0] ?? '', /could not be delivered\. Slack refuses the message: not_in_channel/);
    assert.deepEqual(stage.channel.sent[0]?.route, { channel: 'asker', thread: null });
    assert.equal(await post('p3', 'lost', 'C8', asker), null);
  });

  it('attack: into a channel that is off, or to what is no conversation, are refused before they are stored', () => {
    const refused = { code: 'GH-DELIVERY-011' };
    assert.throws(() => stage.delivery.conversation('teams', 'C1'), refused);
    stage.channel.conversationRoute = () => null;
    assert.throws(() => stage.delivery.conversation('slack', 'D1'), refused);
  });
});
