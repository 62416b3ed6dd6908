import { search, JMESPathTypeError } from '@aws-lambda-powertools/jmespath';
import { z } from 'zod';

/**
 * A JMESPath expression (https://jmespath.org). It reads the document that it is given and nothing else; there is no way in
 * it to call code or to reach outside.
 */
export const expression = z
  .string()
  .min(1)
  .max(1000)
  .superRefine((text, context) => {
    const fault = faultOf(text);
    if (fault !== null) context.addIssue(`is not a JMESPath expression: ${fault}`);
  });

/**
 * Reads a document by an expression of the catalogue.
 * @returns null where it leads nowhere, or where a function meets a value of another type
 */
export function evaluate(text: string, document: unknown): unknown {
  try {
    return search(text, document as Parameters<typeof search>[1]) ?? null;
  } catch (error) {
    if (error instanceof JMESPathTypeError) return null;
    throw error;
  }
}

/** What the parser says against it. A function that only misses the document is no fault. */
function faultOf(text: string): string | null {
  try {
    search(text, {});
    return null;
  } catch (error) {
    if (error instanceof JMESPathTypeError) return null;
    return error instanceof Error ? (error.message.split('\n')[0] ?? '').slice(0, 200) : 'unreadable';
  }
}
