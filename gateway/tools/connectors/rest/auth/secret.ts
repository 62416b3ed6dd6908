import { GatehouseError } from '../../../../config/index.ts';

/**
 * A secret that is sent as it is.
 * @throws GatehouseError `GH-TOOLS-016` for one with characters that no header can have
 */
export function headerValue(secret: string): string {
  if (/^[\x21-\x7e][\x20-\x7e]*$/.test(secret)) return secret;
  throw new GatehouseError('GH-TOOLS-016', 'The secret cannot be sent as a header.', {
    status: 409,
    next: 'Set it again, without line breaks.',
  });
}

/** @param name of the secret @param form what it should look like, one sentence */
export const unusableSecret = (name: string, form: string): GatehouseError =>
  new GatehouseError('GH-TOOLS-041', `The secret ${name} does not have the form that its tool needs.`, {
    status: 409,
    next: `${form} Set it with gatehouse secret set ${name}.`,
  });
