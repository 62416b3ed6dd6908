export {
  createAutomations,
  scheduleWorkflow,
  type Automation,
  type Automations,
  type Scheduled,
} from './automations.ts';
export { nextTime, type Cron } from './cron.ts';
export { createClients, type Client, type Clients } from './clients.ts';
export { createLimits, type Allowance, type Consumer, type Limits } from './limits.ts';
export { type Linked } from './identity-links.ts';
export { createPairing, type NewLink, type Pairing, type PendingPairing } from './pairing.ts';
export {
  createPeople,
  readPeople,
  type People,
  type PeopleDraft,
  type Resolution,
  type Standing,
} from './people.ts';
export { identityKey, type Identity, type Person, type StandIn } from './people-file.ts';
export { createSignIn, type SignIn, type WebSession } from './sign-in.ts';
export { createTerminals, type Terminals } from './terminals.ts';
export { readYamlFile } from './yaml-file.ts';
