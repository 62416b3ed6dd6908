import { Ajv, type ValidateFunction } from 'ajv';

/** A JSON answer that fits its schema, or what is wrong with it. */
export type Read = { output: unknown } | { fault: string };

/**
 * Compiles the schema of an answer.
 * @throws Error with ajv's text for what is no JSON Schema
 */
export function compileOutput(schema: Record<string, unknown>): ValidateFunction {
  // One for each use: an instance keeps all that it ever compiled.
  return new Ajv({ strict: false, validateFormats: false, logger: false }).compile(schema);
}

/** Reads the answer of a run that has to be JSON. */
export function readOutput(schema: Record<string, unknown>, text: string): Read {
  let output: unknown;
  try {
    // Small models like to wrap JSON into a code block.
    output = JSON.parse(text.trim().replace(/^```(?:json)?\s*\n([\s\S]*?)\n```$/, '$1'));
  } catch {
    return { fault: 'It is not JSON.' };
  }
  const validate = compileOutput(schema);
  if (validate(output)) return { output };
  const [error] = validate.errors ?? [];
  return { fault: `At ${error?.instancePath || '/'} it ${error?.message ?? 'has another form'}.` };
}
