export { createFactors, resetFactors } from './factors.ts';
export { heldNow, withoutFactor } from './store.ts';
export { changing, voting } from './purpose.ts';
export { type Factor, type FactorNews, type Factors, type Proof } from './types.ts';
