import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tool } from '../../../gateway/catalogue/index.ts';
import { GatehouseError } from '../../../gateway/config/index.ts';
import type { Post } from '../../../gateway/delivery/index.ts';
import { createChatConnector } from '../../../gateway/tools/connectors/chat.ts';
import { callOf, shippedTool } from './files/support.ts';

const posted: Post[] = [];
const connector = createChatConnector({
  conversation(channel, id) {
    if (channel === 'telegram')
      throw new GatehouseError('GH-DELIVERY-011', 'The channel telegram is switched off.');
    return { channel, id, route: { channel: id } };
  },
  post: (_tx, post) => Promise.resolve((posted.push(post), null)),
});
const tool: Tool = {
  ...shippedTool('chat.post'),
  connector: {
    kind: 'chat',
    conversations: { news: { channel: 'slack', id: 'C0123' }, oncall: { channel: 'telegram', id: '-100' } },
  },
};
const call = async (args: Record<string, unknown>, of = tool) => connector.run(callOf(of, args, 'att_1'));

test('a message is put into the outbox with the outcome of its call, under the id of the attempt', async () => {
  const outcome = await call({ conversation: 'news', text: 'Hello @channel' });
  assert.equal(outcome.status, 'succeeded');
  assert.deepEqual(posted, []);
  assert.ok(connector.commitsAll?.(tool));
  await (outcome as { commit: (tx: never) => Promise<void> }).commit({} as never);
  assert.deepEqual(posted, [
    {
      id: 'att_1',
      messageId: 'm',
      name: 'news',
      to: { channel: 'slack', id: 'C0123', route: { channel: 'C0123' } },
      body: { text: 'Hello @channel' },
    },
  ]);
});

test('attack: only a listed name is a conversation, and never an id or what every object has', async () => {
  for (const conversation of ['other', 'C0123', '-100', 'constructor', '__proto__', 'toString', 'News', ''])
    await assert.rejects(call({ conversation, text: 'x' }), { code: 'GH-TOOLS-080' }, conversation);
});

test('without a conversation, or with its channel off, the call says what to do', async () => {
  await assert.rejects(call({ conversation: 'news', text: 'x' }, shippedTool('chat.post')), {
    code: 'GH-TOOLS-080',
    next: /connector\.conversations in the file of chat\.post/,
  });
  await assert.rejects(call({ conversation: 'oncall', text: 'x' }), { code: 'GH-DELIVERY-011' });
});
