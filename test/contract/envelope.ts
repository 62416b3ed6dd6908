import assert from 'node:assert/strict';
import type { Inbound, InboundMessage } from '../../gateway/channels/index.ts';
import {
  digestOfText,
  EnvelopeSchema,
  messageId,
  sessionKey,
  type Envelope,
} from '../../gateway/envelope/index.ts';

const key = Buffer.alloc(32, 7);

/** The envelope of a message whose sender nobody knows, checked against the published schema. */
export function envelopeOf(message: InboundMessage): Envelope {
  const { kind, account, conversation } = message.channel;
  const { nativeId, revision } = message.message;
  const session = sessionKey(key, { channel: kind, account, conversation, sender: message.sender.nativeId });
  const evidence = digestOfText(message.raw);
  return EnvelopeSchema.parse({
    specversion: '1.0',
    id: messageId({ channel: kind, account, conversation, nativeId, revision }),
    source: `/channels/${kind}/${encodeURIComponent(account)}/${encodeURIComponent(conversation)}`,
    type: `dev.gatehouse.message.${message.event}.v1`,
    time: message.time,
    subject: `session/${session}`,
    datacontenttype: 'application/json',
    data: {
      event: message.event,
      channel: message.channel,
      message: message.message,
      sender: { ...message.sender, principal: null },
      trust: { ingress: message.ingress, sender: 'unknown', evidence },
      content: message.content,
      attachments: message.attachments,
      email: null,
      calendar: null,
      session: { key: session, scope: 'per-sender' },
      delivery: { receivedAt: new Date().toISOString(), replyRoute: `session/${session}` },
      raw: { ref: `blob:${evidence}`, sha256: evidence },
    },
  });
}

/** The one message of a delivery. */
export function only(inbound: Inbound | undefined): InboundMessage {
  assert.equal(inbound?.kind, 'messages', JSON.stringify(inbound));
  assert.equal(inbound.messages.length, 1);
  return inbound.messages[0] as InboundMessage;
}
