export { createLeases, type Leases } from './leases.ts';
export { createSecretStore, type SecretInfo, type SecretStore } from './store.ts';
