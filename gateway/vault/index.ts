export { createBox, type Box } from './box.ts';
export { createLeases, type Leases, type Loan } from './leases.ts';
export { createSecretStore, type SecretInfo, type SecretStore } from './store.ts';
