import { createSecretKey } from 'node:crypto';
import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Inbound, InboundMessage } from '../../gateway/channels/index.ts';
import { idOf, toEnvelope } from '../../gateway/delivery/envelope.ts';
import { envelopeJsonSchema, sessionKey, type Envelope } from '../../gateway/envelope/index.ts';

const key = createSecretKey(Buffer.alloc(32, 7));
const ajv = new Ajv2020({ strict: true, allErrors: true });
(addFormats as unknown as (target: Ajv2020) => void)(ajv);
const keepsSchema = ajv.compile(envelopeJsonSchema());

/** The envelope of a message whose sender nobody knows, as delivery makes it, checked against the published schema. */
export function envelopeOf(message: InboundMessage): Envelope {
  const { kind, account, conversation } = message.channel;
  const session = sessionKey(key, { channel: kind, account, conversation, sender: message.sender.nativeId });
  const made = toEnvelope(message, idOf(message), session, { person: null, standing: 'unknown' }, new Date());
  assert.ok('envelope' in made, `the envelope cannot hold ${JSON.stringify(made)}`);
  assert.ok(keepsSchema(JSON.parse(made.json)), JSON.stringify(keepsSchema.errors));
  return made.envelope;
}

/** The one message of a delivery. */
export function only(inbound: Inbound | undefined): InboundMessage {
  assert.equal(inbound?.kind, 'messages', JSON.stringify(inbound));
  assert.equal(inbound.messages.length, 1);
  return inbound.messages[0] as InboundMessage;
}
