export { createAutomations, type Automation, type Automations } from './automations.ts';
export { createClients, type Client, type Clients } from './clients.ts';
export { createLimits, type Allowance, type Consumer, type Limits } from './limits.ts';
export { createPairing, type Pairing, type PendingPairing } from './pairing.ts';
export { createPeople, type People, type Resolution, type Standing } from './people.ts';
export { type Identity, type Person } from './people-file.ts';
export { createSignIn, type SignIn, type WebSession } from './sign-in.ts';
export { readYamlFile } from './yaml-file.ts';
