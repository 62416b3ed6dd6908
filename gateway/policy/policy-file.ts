import { readFile } from 'node:fs/promises';
import { LineCounter, isNode, parseDocument } from 'yaml';
import { z } from 'zod';
import { GatehouseError } from '../config/index.ts';
import { toCents } from './money.ts';

/** A decimal amount as text; its hundredths. */
export const amountInCents = z.string().transform((amount, context) => {
  const value = toCents(amount);
  if (value !== null) return value;
  context.addIssue({
    code: 'custom',
    message: 'write the amount as text with at most two decimals, such as "1000.00"',
  });
  return z.NEVER;
});

/** An amount of money; one without a limit of its own currency is no amount. */
export const moneyAmount = z.strictObject({
  currency: z.string().regex(/^[A-Z]{3}$/),
  amount: amountInCents,
});

/**
 * Reads one YAML file of `policies/` for the rules.
 * @throws GatehouseError `GH-POLICY-012` that names file, line and fault of all that is wrong
 */
export async function readPolicyFile<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw unusable([`${path}: cannot be read`], cause);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  if (document.errors.length > 0)
    throw unusable(
      document.errors.map(({ pos, message }) => `${path}:${lines.linePos(pos[0]).line}: ${message}`),
    );
  const parsed = schema.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (parsed.success) return parsed.data;
  throw unusable(
    parsed.error.issues.map((issue) => {
      const where = issue.path.map(String);
      const keys = 'keys' in issue ? issue.keys.slice(0, 1) : [];
      const shown = [...where, ...keys];
      // The nearest part that the file has: what is missing has no line of its own.
      for (let depth = shown.length; depth > 0; depth -= 1) {
        const node = document.getIn(shown.slice(0, depth), true);
        if (isNode(node) && node.range)
          return `${path}:${lines.linePos(node.range[0]).line}: ${shown.join('.')}: ${issue.message}`;
      }
      return `${path}:1: ${shown.join('.') || 'the file'}: ${issue.message}`;
    }),
  );
}

function unusable(faults: string[], cause?: unknown): GatehouseError {
  return new GatehouseError('GH-POLICY-012', `The limits are not usable:\n  ${faults.join('\n  ')}`, {
    status: 500,
    next: 'Correct the lines named above.',
    cause,
  });
}
