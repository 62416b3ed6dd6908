export { findAnswer, keepAnswer } from './answers.ts';
export { areOver, claimNext, leaseSeconds, letGo, MovedOn, renew } from './claims.ts';
export { end, endHeld, notify, readRun, runsSignal, storeRun, type Ending, type RunRow } from './runs.ts';
export { append, orMovedOn, readSteps, type Use } from './steps.ts';
