export { createBox, type Box } from './box.ts';
export {
  copyRows,
  readCopies,
  syncCopies,
  type Copy,
  type CopyRow,
  type N8nCredentials,
  type Synced,
} from './copies/index.ts';
export { lastUses, secretsInUse } from './in-use.ts';
export {
  createLeases,
  endLeasesOf,
  type Lease,
  type Leases,
  type LeaseTarget,
  type Loan,
} from './leases/leases.ts';
export { createVaultSessions, type VaultSessions } from './leases/sessions.ts';
export {
  createRotations,
  rotationRows,
  rotationState,
  signingSecrets,
  type RotationFailure,
  type RotationRow,
  type Rotations,
  type RotationState,
} from './rotation/index.ts';
export {
  acceptFile,
  createSecretStore,
  finishRotation,
  rotateKey,
  rotationWaits,
  type KeySource,
  type NextKey,
  type SecretStore,
} from './stores/file/index.ts';
export { openSecrets, type ListedSecret, type Secrets } from './stores/open.ts';
export { readRoutes, type Routes } from './stores/routes.ts';
export type { SecretInfo } from './stores/store.ts';
export { vaultExcess, vaultPolicies } from './vault-policy.ts';
