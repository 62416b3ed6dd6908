import { z } from 'zod';
import { dataClasses } from '../catalogue/index.ts';

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'lower-case letters, digits, dot, dash, underscore');

const IdentitySchema = z.strictObject({
  channel: z.enum(['web', 'slack', 'telegram']),
  account: z
    .string()
    .min(1)
    .max(128)
    .describe('workspace, bot or tenant that the id belongs to; `local` for web'),
  id: z
    .string()
    .min(1)
    .max(256)
    .describe("the vendor's immutable id, never a handle, address or phone number"),
});

const PersonSchema = z.strictObject({
  principal: name,
  display: z.string().min(1).max(128),
  roles: z.array(name).max(32).default([]),
  groups: z.array(name).max(32).default([]),
  clearance: z
    .enum(dataClasses)
    .optional()
    .describe('the highest class of data that they may see; all of them when left out'),
  locale: z.string().max(35).optional().describe('BCP 47 tag'),
  identities: z.array(IdentitySchema).max(32).default([]),
});

const StandInSchema = z.strictObject({
  for: name.describe('the principal who is away'),
  by: name.describe('the principal who decides for them meanwhile'),
  from: z.iso.date().describe('first day, in UTC'),
  until: z.iso.date().describe('last day, in UTC'),
});

/** `policies/people.yaml`: who may be somebody here, and by which immutable ids. */
export const PeopleFileSchema = z
  .strictObject({
    people: z.array(PersonSchema).max(10_000),
    standIns: z.array(StandInSchema).max(1000).default([]),
  })
  .superRefine((file, context) => {
    const principals = new Set<string>();
    const identities = new Map<string, string>();
    file.people.forEach((person, index) => {
      if (principals.has(person.principal)) {
        context.addIssue({
          code: 'custom',
          message: `the principal ${person.principal} stands here twice`,
          path: ['people', index, 'principal'],
        });
      }
      principals.add(person.principal);
      person.identities.forEach((identity, at) => {
        const key = identityKey(identity.channel, identity.account, identity.id);
        const other = identities.get(key);
        if (other !== undefined) {
          context.addIssue({
            code: 'custom',
            message: `this identity already belongs to ${other}`,
            path: ['people', index, 'identities', at],
          });
        }
        identities.set(key, person.principal);
      });
    });
    file.standIns.forEach((entry, index) => {
      const fault = faultOf(entry, principals);
      if (fault !== null) context.addIssue({ code: 'custom', message: fault, path: ['standIns', index] });
    });
  });

function faultOf(entry: z.output<typeof StandInSchema>, principals: ReadonlySet<string>): string | null {
  const stranger = [entry.for, entry.by].find((principal) => !principals.has(principal));
  if (stranger !== undefined) return `there is no principal ${stranger}`;
  if (entry.for === entry.by) return 'nobody stands in for themselves';
  return entry.from <= entry.until ? null : 'it ends before it begins';
}

/** One person as `people.yaml` describes them. */
export type Person = z.output<typeof PersonSchema>;
export type StandIn = z.output<typeof StandInSchema>;
export type PeopleFile = z.output<typeof PeopleFileSchema>;

/** One account of a channel, by the vendor's immutable id. */
export interface Identity {
  channel: string;
  account: string;
  id: string;
}

/** One unambiguous name for (channel, account, id): vendors' ids may hold any separator. */
export function identityKey(channel: string, account: string, id: string): string {
  return JSON.stringify([channel, account, id]);
}
