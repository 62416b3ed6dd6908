export { createLeases, type Leases, type Loan } from './leases.ts';
export { createSecretStore, type SecretInfo, type SecretStore } from './store.ts';
