import { isAbsolute } from 'node:path';
import { z } from 'zod';

const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `15m`, `1h`, `30d`, read as milliseconds. */
export const Duration = z
  .string()
  .regex(/^[1-9]\d{0,5}[smhd]$/, 'is not a time such as 15m, 1h or 30d')
  .transform((text) => Number(text.slice(0, -1)) * unitMs[text.slice(-1) as keyof typeof unitMs]);

const Command = z
  .tuple([z.string().refine(isAbsolute, 'has to begin with the absolute path of a program')], z.string())
  .describe('a program and its arguments; no shell is between');

const secret = z.string().regex(/^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/);

/** Who makes the next value, and what only they need. */
const By = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('postgres').describe('two roles that take turns'),
    admin: secret.describe('a secret with the URL of a role that may create roles'),
  }),
  z.strictObject({
    kind: z.literal('vault').describe('a static role of a Vault’s database engine'),
  }),
  z.strictObject({
    kind: z.literal('webhook-signing').describe('two signing secrets at once while the overlap lasts'),
    announce: Command.optional().describe('is given the new one on stdin, to hand it to the receiver'),
    seconds: z.number().min(1).max(600).default(30),
  }),
  z.strictObject({
    kind: z.literal('command').describe('a program of yours'),
    make: Command.describe('is given the current value on stdin and prints the next one; both work after it'),
    prove: Command.optional().describe('is given the next value on stdin; 0 where it works'),
    retire: Command.optional().describe('is given the former value on stdin and ends it'),
    output: z.enum(['line', 'text']).default('line').describe('`text` for a value of several lines'),
    seconds: z.number().min(1).max(600).default(30).describe('how long each may take'),
  }),
]);

/** `rotate` of a secret in secrets.yaml. */
export const Rotate = z.strictObject({
  every: Duration,
  overlap: Duration.prefault('1h').describe('how long the former value stays good at least'),
  owner: z.string().min(1).max(100).optional().describe('principal who is told when it fails'),
  by: By,
});
export type Rotate = z.output<typeof Rotate>;
export type By = Rotate['by'];
