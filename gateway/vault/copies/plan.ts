import { join } from 'node:path';
import { z } from 'zod';
import { GatehouseError, readYamlFile } from '../../config/index.ts';
import { Duration } from '../rotation/plan.ts';
import { isPlaceholder, placeholdersOf, tellsSecret } from './fields.ts';

/** Whatever lives longer is no short-lived copy. */
const mostMs = 7 * 86_400_000;

const Field = z.union([z.number(), z.boolean(), z.string().max(2000)]).superRefine((field, context) => {
  const wrong = placeholdersOf(field).find((name) => !isPlaceholder(name));
  if (wrong !== undefined) context.addIssue(`{${wrong}} is not a part of a secret`);
  // n8n would run it with every item.
  if (typeof field === 'string' && field.startsWith('=')) context.addIssue('is an expression of n8n');
});

const Copied = z.strictObject({
  name: z.string().min(3).max(100).describe('of the credential in n8n'),
  type: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9]{0,99}$/)
    .describe('of the credential: postgres, smtp, imap …'),
  secret: z.string().regex(/^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/),
  lifetime: Duration.refine((ms) => ms <= mostMs, 'is longer than 7d').describe(
    'how long a copy is good at most',
  ),
  fields: z
    .record(z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,99}$/), Field)
    .refine(
      (fields) => Object.values(fields).some(tellsSecret),
      'hold neither {password} nor {value}, so that nothing has to be copied',
    ),
});

const CopiesFile = z.strictObject({
  credentials: z
    .array(Copied)
    .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, 'a name stands twice'),
});

/** A secret that is copied into a credential of n8n, as `policies/n8n-credentials.yaml` declares it. */
export type Copy = z.output<typeof Copied>;

/**
 * Reads `n8n-credentials.yaml`; without one nothing is copied.
 * @throws GatehouseError `GH-VAULT-028` with every fault, its file and line
 */
export async function readCopies(policiesDir: string): Promise<Copy[]> {
  const read = await readYamlFile(join(policiesDir, 'n8n-credentials.yaml'), CopiesFile, { namesKeys: true });
  if (!read?.faults) return read?.value.credentials ?? [];
  throw new GatehouseError(
    'GH-VAULT-028',
    `n8n-credentials.yaml cannot be used:\n  ${read.faults.join('\n  ')}`,
    {
      status: 500,
      next: 'Correct the lines named above; docs/secrets.md says what may stand there.',
      cause: read.cause,
    },
  );
}
