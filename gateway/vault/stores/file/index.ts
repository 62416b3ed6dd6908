export { readBoxKey } from './box-key.ts';
export type { KeySource } from './master-key.ts';
export {
  acceptFile,
  finishRotation,
  rotateKey,
  rotationWaits,
  type NextKey,
  type Rotation,
} from './rotate.ts';
export { createSecretStore, type SecretStore } from './store.ts';
