import { z } from 'zod';
import { moneyAmount } from './money.ts';

const quorum = z.number().int().min(1).max(10);
const roles = z.array(z.string().min(1));
const timeOfDay = z
  .string()
  .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$/, 'write the time as "08:00"')
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));
const zone = z.string().refine(isZone, 'is not a time zone of the IANA list, such as Europe/Vienna');

/** When and for whom the gate of a risk class opens without asking, and when it asks more; all of it is off when left out. */
export const gateFields = {
  roles: roles.min(1).optional().describe('only these roles may ask for it'),
  unasked: z
    .strictObject({
      upTo: z.array(moneyAmount).max(100).default([]),
      recipients: z.number().int().min(1).max(1000).default(1),
      knownRecipients: z.boolean().default(true),
      roles: roles.min(1).optional(),
    })
    .transform(({ upTo, ...rest }) => ({
      ...rest,
      upTo: upTo.map(({ currency, amount }) => ({ currency, cents: amount })),
    }))
    .optional()
    .describe('small calls that nobody is asked about'),
  blast: z
    .strictObject({ recipients: z.number().int().min(2), quorum })
    .optional()
    .describe('from so many recipients on, so many people have to approve'),
  firstTime: z.strictObject({ quorum }).optional().describe('who approves what goes to a new recipient'),
  hours: z
    .strictObject({
      days: z.array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])).min(1),
      from: timeOfDay,
      to: timeOfDay,
      zone: zone.default('UTC'),
      otherwise: z.enum(['ask', 'deny']),
    })
    .refine(({ from, to }) => from < to, 'it ends before it begins')
    .optional(),
  confirmIn: z
    .array(z.enum(['development', 'staging']))
    .default([])
    .describe('environments in which the requester’s own confirmation is enough'),
};

/** Classes whose gate never opens without a person. */
export const alwaysAsked: readonly string[] = ['delete', 'access', 'code', 'prod_write'];

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
