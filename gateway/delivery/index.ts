export {
  attachedIn,
  createAttachments,
  filesOfMessage,
  type Attached,
  type Attachments,
  type MessageFile,
} from './attachments.ts';
export { createDelivery } from './delivery.ts';
export { Loop, settledWithin } from './loop.ts';
export type {
  Cancel,
  Click,
  Conversation,
  Delivery,
  DeliveryDeps,
  DeliveryHealth,
  Ingested,
  Notice,
  OtherTrigger,
  Post,
  Reply,
  RunGrant,
  Unusable,
} from './types.ts';
