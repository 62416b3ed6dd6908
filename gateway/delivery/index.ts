export { createDelivery } from './delivery.ts';
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
