export { createDelivery } from './delivery.ts';
export { signedHeaders } from './n8n.ts';
export type {
  Click,
  Delivery,
  DeliveryDeps,
  DeliveryHealth,
  Ingested,
  Notice,
  OtherTrigger,
  Reply,
  RunGrant,
  Unusable,
} from './types.ts';
