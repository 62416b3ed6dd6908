import { z } from 'zod';

const decimal = /^(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,2}))?$/;

/**
 * Hundredths of a decimal amount, without floating point.
 * @param amount `120`, `120.5` or `120.00`; at most 12 digits before the point
 * @returns a whole number below 2^53, or null for anything else
 */
export function toCents(amount: unknown): number | null {
  const match = typeof amount === 'string' ? decimal.exec(amount) : null;
  return match ? Number(`${match[1]}${(match[2] ?? '').padEnd(2, '0')}`) : null;
}

/** Hundredths as a decimal amount: `120.05`. */
export function fromCents(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
}

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
