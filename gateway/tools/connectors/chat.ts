import { GatehouseError } from '../../config/index.ts';
import type { Delivery } from '../../delivery/index.ts';
import type { Connector } from '../types.ts';

/**
 * Puts a message for a listed conversation into the outbox, with the outcome of its call or not at all. The outbox sends it
 * like every reply, through the channel's adapter, which escapes it and takes the power to call people out of it.
 */
export function createChatConnector(delivery: Pick<Delivery, 'post' | 'conversation'>): Connector {
  return {
    commitsAll: () => true,
    run(call) {
      const { connector } = call.tool;
      if (connector.kind !== 'chat')
        throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
      const name = String(call.args.conversation);
      const listed = Object.hasOwn(connector.conversations, name) ? connector.conversations[name] : undefined;
      if (!listed) {
        throw new GatehouseError('GH-TOOLS-080', `No conversation is called ${name}.`, {
          status: 404,
          field: 'conversation',
          next: `List it under connector.conversations in the file of ${call.tool.name}.`,
        });
      }
      const to = delivery.conversation(listed.channel, listed.id);
      const body = { text: String(call.args.text) };
      return Promise.resolve({
        status: 'succeeded',
        result: { channel: listed.channel, conversation: name },
        commit: async (tx) =>
          void (await delivery.post(tx, {
            id: call.attempt,
            messageId: call.caller.messageId,
            name,
            to,
            body,
          })),
      });
    },
  };
}
