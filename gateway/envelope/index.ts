export { envelopeFlaw } from './check.ts';
export { compiled } from './compiled.ts';
export { parseCommand } from './command.ts';
export { digest, digestOfText, hashToken, newToken, sessionKey } from './digest.ts';
export { messageId, uuidv7 } from './ids.ts';
export { EnvelopeSchema, envelopeJsonSchema, type Command, type Envelope } from './schema.ts';
