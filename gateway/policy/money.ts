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
