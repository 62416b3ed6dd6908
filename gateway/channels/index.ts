export type {
  AdapterContext,
  AttachmentFlaw,
  ChannelAdapter,
  FileSource,
  Inbound,
  InboundAttachment,
  InboundMessage,
  Outgoing,
  RawDelivery,
  Route,
} from './adapter.ts';
export {
  attachmentBounds,
  attachmentEndings,
  attachmentFlaws,
  attachmentsTooLarge,
  contentFlaw,
  type OfferedFile,
} from './attachments.ts';
export { parseJson } from './json.ts';
export { channelSecrets } from './secrets.ts';
export { createSlack, type SlackOptions } from './slack/index.ts';
export { createTelegram, type TelegramOptions } from './telegram/index.ts';
export { createWeb, type WebChannel } from './web/index.ts';
