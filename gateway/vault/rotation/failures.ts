import { GatehouseError } from '../../config/index.ts';

/** The next value of a secret that its system does not take. @param why a code, never what a driver or a program said */
export const notTaken = (why: string): GatehouseError =>
  new GatehouseError('GH-VAULT-026', `The new value was not taken by its system (${why}).`, {
    status: 502,
    next: 'The former one stays in use. Look at the system, then: gatehouse secret rotate NAME.',
  });

/** A secret that cannot be rotated as things stand. */
export const cannotRotate = (text: string, next?: string): GatehouseError =>
  new GatehouseError('GH-VAULT-025', text, { status: 409, next });

/** A program of the operator that did not do what it is for. */
export const hookFailed = (text: string): GatehouseError =>
  new GatehouseError('GH-VAULT-027', text, {
    status: 502,
    next: 'Try the program by hand; docs/secrets.md says what it is given and what it has to print.',
  });
