export type {
  AdapterContext,
  ChannelAdapter,
  Inbound,
  InboundAttachment,
  InboundMessage,
  Outgoing,
  RawDelivery,
  Route,
} from './adapter.ts';
export { parseJson } from './json.ts';
export { channelSecrets } from './secrets.ts';
export { createSlack, type SlackOptions } from './slack/index.ts';
export { createTelegram, type TelegramOptions } from './telegram/index.ts';
export {
  attachmentBounds,
  attachmentEndings,
  attachmentsTooLarge,
  createWeb,
  type OfferedFile,
  type WebChannel,
} from './web/index.ts';
