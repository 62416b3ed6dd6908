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
      ownWords: z
        .boolean()
        .default(false)
        .describe('for delete and access: the requester’s own order is enough, where it can be taken back'),
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

type Unasked = NonNullable<z.output<typeof gateFields.unasked>>;

/** Classes whose gate never opens without a person. */
const alwaysAsked: readonly string[] = ['code', 'prod_write'];
/** Classes whose gate opens for the requester's own order, and for nothing less. */
const openedByWords: readonly string[] = ['delete', 'access'];

/** What is wrong with the `unasked` of a class; null where nothing is. */
export function unaskedFault(risk: string, { ownWords, upTo }: Unasked): string | null {
  if (alwaysAsked.includes(risk)) return `a call of the class ${risk} is always asked about`;
  if (!openedByWords.includes(risk))
    return ownWords ? `only ${openedByWords.join(' and ')} open for the requester's own words` : null;
  if (!ownWords)
    return `a call of the class ${risk} opens for the requester's own words only: ownWords: true`;
  return upTo.length > 0 ? `amounts open nothing of the class ${risk}; delete upTo` : null;
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
