import { z } from 'zod';

/** Name of an argument. */
export const argument = z
  .string()
  .regex(/^[a-z][A-Za-z0-9]{0,39}$/)
  // Such a name means something to every object of JavaScript.
  .refine((name) => !(name in {}), 'is a name that programs reserve');
/** Name of a secret in the store, such as `tickets/postgres`. */
export const secretName = z.string().regex(/^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/);
/** Names an argument as the source of a value. */
export const fromArgument = z.string().regex(/^args\.[a-z][A-Za-z0-9]*$/);
