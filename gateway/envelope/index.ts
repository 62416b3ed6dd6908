export { parseCommand } from './command.ts';
export { digest, digestOfText, hashToken, newToken, sessionKey } from './digest.ts';
export { messageId, uuidv7 } from './ids.ts';
export {
  ActionSchema,
  ChannelKind,
  CommandSchema,
  EnvelopeSchema,
  EventKind,
  envelopeJsonSchema,
  type Command,
  type Envelope,
} from './schema.ts';
