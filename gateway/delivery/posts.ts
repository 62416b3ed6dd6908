import { recordReceipts } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { Transaction } from '../db/index.ts';
import { sessionKey } from '../envelope/index.ts';
import { post, postPrefix } from './outbox.ts';
import type { Conversation, DeliveryDeps, Post } from './types.ts';

/** @throws GatehouseError `GH-DELIVERY-011` */
export function conversationOf(
  deps: Pick<DeliveryDeps, 'adapters'>,
  channel: string,
  id: string,
): Conversation {
  const adapter = deps.adapters.get(channel);
  if (!adapter) {
    throw new GatehouseError('GH-DELIVERY-011', `The channel ${channel} is switched off.`, {
      status: 409,
      next: `Set GATEHOUSE_${channel.toUpperCase()}_MODE and the secrets of the channel.`,
    });
  }
  const route = adapter.conversationRoute(id);
  if (route) return { channel, id, route };
  throw new GatehouseError('GH-DELIVERY-011', `${id} is no conversation of ${channel}.`, {
    status: 422,
    next: 'Write its id as the vendor shows it.',
  });
}

/** Puts a message of our own into the outbox; those into one conversation keep their order. */
export async function sendPost(
  tx: Transaction,
  deps: Pick<DeliveryDeps, 'sessionSecret'>,
  { id, messageId, name, to, body }: Post,
): Promise<string | null> {
  const { channel, route } = to;
  const session = sessionKey(deps.sessionSecret, {
    channel,
    account: 'gatehouse',
    conversation: to.id,
    sender: 'gatehouse',
  });
  const fresh = await post(tx, [
    { id: `${postPrefix}${id}`, messageId, session, principal: null, channel, route, card: null, body },
  ]);
  if (fresh.size === 0) return null;
  const facts = { post: id, channel, conversation: name };
  return recordReceipts(tx, [{ kind: 'post', messageId, facts }])[0] ?? null;
}
