import { Ajv, type ErrorObject } from 'ajv';
import addFormats from 'ajv-formats';

/** What is wrong with a call's arguments, and where. */
export interface ArgumentProblem {
  field: string;
  text: string;
}

/** Null for arguments that keep the schema. */
export type ArgumentCheck = (args: unknown) => ArgumentProblem | null;

const ajv = new Ajv({
  strict: true,
  strictRequired: true,
  allErrors: false,
  ownProperties: true,
  verbose: true,
});
// The published plugin is CommonJS; its callable is the default export of the default export's type.
(addFormats as unknown as (target: Ajv) => void)(ajv);

/**
 * Compiles a tool's argument schema. Values are never coerced, defaulted or dropped, and names are case-exact.
 * @throws Error with ajv's text for a schema that it cannot compile
 */
export function compileArguments(schema: object): ArgumentCheck {
  const validate = ajv.compile(schema);
  return (args) => (validate(args) ? null : describe(validate.errors?.[0]));
}

function describe(error: ErrorObject | undefined): ArgumentProblem {
  const path = (error?.instancePath ?? '').slice(1).replaceAll('/', '.');
  const params = error?.params as { missingProperty?: string; additionalProperty?: string } | undefined;
  if (params?.missingProperty !== undefined) {
    return { field: join(path, params.missingProperty), text: 'is missing' };
  }
  if (params?.additionalProperty !== undefined) {
    return { field: join(path, params.additionalProperty), text: 'is not an argument of this tool' };
  }
  const field = path === '' ? 'args' : path;
  const { description } = (error?.parentSchema ?? {}) as { description?: unknown };
  // A regular expression tells a person nothing; the catalogue's description is written for them.
  if (error?.keyword === 'pattern' && typeof description === 'string') {
    return { field, text: `has another form: ${description}` };
  }
  return { field, text: error?.message ?? 'is not usable' };
}

function join(path: string, name: string): string {
  const shown = /^[\w.-]{1,60}$/.test(name) ? name : 'an unnamed field';
  return path === '' ? shown : `${path}.${shown}`;
}
