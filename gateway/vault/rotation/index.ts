export { rotationState, type RotationState } from './overview.ts';
export { createRotations, type RotationFailure, type Rotations } from './rotations.ts';
export { rotationRows, type RotationRow } from './state.ts';
export { signingSecrets } from './webhook-signing.ts';
