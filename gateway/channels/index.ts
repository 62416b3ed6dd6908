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
