import { GatehouseError } from '../../config/index.ts';

/** What a field of a credential can be filled with: parts of a secret that is a URL, and the whole of any. */
const parts = {
  value: (value: string) => value,
  host: (value: string) => urlOf(value)?.hostname,
  port: (value: string) => urlOf(value)?.port,
  database: (value: string) => decoded(urlOf(value)?.pathname.slice(1)),
  username: (value: string) => decoded(urlOf(value)?.username),
  password: (value: string) => decoded(urlOf(value)?.password),
};
type Part = keyof typeof parts;
type Field = string | number | boolean;

/** What of a declared credential says what is written. */
interface Filling {
  name: string;
  secret: string;
  fields: Readonly<Record<string, Field>>;
}

const pattern = /\{([a-z]+)\}/g;

/** The names in braces. */
export const placeholdersOf = (field: Field): string[] =>
  typeof field === 'string' ? [...field.matchAll(pattern)].map(([, name = '']) => name) : [];

export const isPlaceholder = (name: string): name is Part => Object.hasOwn(parts, name);

/** Whether a field is filled with what lets somebody in. */
export const tellsSecret = (field: Field): boolean =>
  placeholdersOf(field).some((name) => name === 'password' || name === 'value');

/**
 * The data of a credential: no field but those that are declared.
 * @returns the data, and what of it nobody may be told
 * @throws GatehouseError `GH-VAULT-032` where the secret lacks a part, or one would be an expression in n8n
 */
export function dataOf({ name, secret, fields }: Filling, value: string): { data: object; hidden: string[] } {
  const fill = (field: Field): Field => {
    if (typeof field !== 'string') return field;
    const text = field.replaceAll(pattern, (_all, part: Part) => {
      const found = parts[part](value);
      if (found) return found;
      throw unusable(name, `The secret ${secret} has no ${part}.`, 'Write it into the field as it is.');
    });
    if (text.startsWith('='))
      throw unusable(name, `n8n would take the secret ${secret} for an expression.`, 'Make another one.');
    return field === '{port}' ? Number(text) : text;
  };
  const data = Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, fill(field)]));
  const hidden = Object.entries(fields).flatMap(([key, field]) =>
    tellsSecret(field) ? [String(data[key])] : [],
  );
  return { data, hidden };
}

const unusable = (name: string, text: string, next: string): GatehouseError =>
  new GatehouseError('GH-VAULT-032', `The credential "${name}" cannot be filled. ${text}`, {
    status: 409,
    next,
  });

const urlOf = (value: string): URL | undefined => URL.parse(value) ?? undefined;

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
