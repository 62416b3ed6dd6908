import { GatehouseError } from '../../../config/index.ts';

const codes = {
  address: 'GH-TOOLS-070',
  recipients: 'GH-TOOLS-071',
  text: 'GH-TOOLS-072',
  login: 'GH-TOOLS-073',
  server: 'GH-TOOLS-074',
  attachments: 'GH-TOOLS-075',
  unreachable: 'GH-TOOLS-076',
  busy: 'GH-TOOLS-077',
} as const;

/** A mail of which nothing was sent. @param rule what stopped it */
export const refused = (rule: keyof typeof codes, message: string, next?: string): GatehouseError =>
  new GatehouseError(codes[rule], message, { status: 422, ...(next === undefined ? {} : { next }) });
