import type { z } from 'zod';
import { GatehouseError } from '../config/index.ts';

/** One thing that is wrong with a tool's file. */
export interface Fault {
  file: string;
  line: number;
  /** Dotted path of the field, such as `connector.parameters`. */
  field: string;
  fault: string;
  /** What to write instead, one sentence. */
  remedy: string;
}

/** A fault in its file; the line is found by the path of the field. */
export type FoundFault = Pick<Fault, 'fault' | 'remedy'> & { where: string[]; field?: string };

/** `file:line: field: fault. Remedy.` */
export function faultLine({ file, line, field, fault, remedy }: Fault): string {
  return `${file}:${line}: ${field}: ${fault}. ${remedy}`;
}

/** @returns the error of a catalogue that cannot be used, with every fault on a line of its own */
export function unusable(faults: readonly Fault[], code = 'GH-CATALOGUE-001'): GatehouseError {
  const lines = faults.map((fault) => `\n  ${faultLine(fault)}`).join('');
  return new GatehouseError(code, `The tool catalogue is not usable:${lines}`, {
    status: 500,
    next: 'Correct the lines named above; gatehouse tools lint checks them.',
  });
}

/** Of a file that is there and cannot be read. */
export const unreadable = {
  line: 1,
  field: 'the file',
  fault: 'cannot be read',
  remedy: 'Let the user of the gateway read it, or remove it.',
};

/** What belongs into a field, by its name; in the words of a remedy. */
const forms: Record<string, string> = {
  name: 'Write lower-case words joined by dots, such as ledger.transfer.',
  title: 'Write what people call it, at most 60 characters.',
  description: 'Write one sentence of what it does, at most 500 characters.',
  risk: 'Write its risk class; unclassified is the careful one.',
  args: 'Write a JSON Schema with type: object, properties and additionalProperties: false.',
  type: 'Write type: object.',
  properties: 'Write each argument as camelCase: { type: … }.',
  additionalProperties: 'Write additionalProperties: false.',
  required: 'Write the list of arguments that a call must have.',
  kinds: 'Write what each argument decides: redirects, selects, sizes or content.',
  constants: 'Write argument: value.',
  money: 'Write money: { amount: …, currency: … } with the names of the two arguments.',
  tokens:
    'Write tokens: { most: /body/max_tokens, used: /usage/total_tokens }, where call and answer say it.',
  pins: 'Write argument: { by: otherArgument, form: sha256 }, or { immutable: why it cannot change }.',
  example: 'Write the arguments of one typical call.',
  sentence: 'Write the call in words, such as Pay {amount} to {payee}.',
  done: 'Write the outcome in words, such as Paid {amount} to {payee}.',
  idempotencyKey: 'Write attempt where doing it twice has one effect, else none.',
  connector:
    'Write connector: { kind: … } with kind postgres, postgres-query, rest, http, files, smtp, chat, gatehouse or code.',
  kind: 'Write postgres, postgres-query, rest, http, files, smtp, chat, gatehouse or code.',
  root: 'Write the absolute path of a folder, or leave it out for GATEHOUSE_FILES_DIR.',
  conversations:
    "Write name: { channel: slack, id: C0123456789 }, or { channel: telegram, id: '-1001234567890' }.",
  from: 'Write from: { address: office@example.com, name: The office }.',
  unsubscribe: 'Write an https address with {token}, such as https://example.com/unsubscribe/{token}.',
  api: 'Name a file of policies/apis, or write { title: …, url: …, auth: … } in its place.',
  url: 'Write the address that its paths are added to, such as https://api.example.com/v2.',
  auth: 'Write { kind: …, secret: … } with kind bearer, basic, header, oauth2, github-app, hmac or standard-webhooks.',
  path: 'Write a path with its arguments as segments, such as /tickets/{ticket}.',
  query: 'Write parameter: text, with arguments as {name}.',
  errors: 'Write { status: 409, code: already_there, text: What happened and what to do next. }.',
  pages: 'Write { items: …, next: { by: link } }, or by cursor, number or offset.',
  probe: 'Write a request, and happened: a condition that is true where the effect is there.',
  repeat: 'Write { header: idempotency-key }, or { natural: why a second time changes nothing }.',
  preview:
    'Write preview: { statement: …, parameters: […], columns: { name: { label: … } } }, { dryRun: true }, or { none: why }.',
  columns: 'Write column: { label: what the card calls it }, with money: EUR for an amount.',
  statement: 'Write one SQL statement whose values are $1, $2 and so on.',
  parameters: 'Write args.<argument>, attempt or principal for each $ of the statement.',
  returns: 'Write row where the one record is the outcome, else rows.',
  headers: 'Write header: args.<argument> for http, or header: text with {argument} for rest; in lower case.',
  secret: 'Write the name of a secret, such as tickets/postgres; gatehouse secret list shows them.',
  host: 'Write one full host name without wildcard, such as api.example.com or api.example.com:8443.',
  hosts: 'Write a list of full host names, or of { host: …, paths: [/prefix/] }.',
  paths: 'Write path prefixes that begin with a slash, such as /repos/acme/.',
  methods: 'Write a list of GET, HEAD, POST, PUT, PATCH and DELETE.',
  privateNetworks: 'Write address ranges such as 10.1.0.0/16.',
};
const elsewhere = 'docs/tools-and-rules.md says what belongs here.';

/** What belongs into the field at `path`: that of the nearest name that is known. */
function formOf(path: readonly string[]): string {
  // The kinds of connectors and of auth are not the same.
  const known = path.includes('auth') ? path.filter((part) => part !== 'kind') : path;
  const key = known.findLast((part) => Object.hasOwn(forms, part));
  return (key === undefined ? undefined : forms[key]) ?? elsewhere;
}

/**
 * Says what zod found in the words of a person.
 * @param file the fields of a whole file, and what it describes: `a tool`
 * @param present whether the file has a field
 */
export function faultOfIssue(
  issue: z.core.$ZodIssue,
  file: { fields: readonly string[]; of: string },
  present: (path: string[]) => boolean,
): FoundFault {
  const path = issue.path.map(String);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const key = issue.keys[0] ?? '';
      const remedy =
        path.length > 0
          ? `Remove it, or correct its spelling. ${formOf(path)}`
          : `Remove it, or correct its spelling; the fields are ${file.fields.join(', ')}.`;
      return { where: [...path, key], fault: `is not a field of ${file.of}`, remedy };
    }
    case 'invalid_type':
      return present(path)
        ? { where: path, fault: `is not of type ${issue.expected}`, remedy: formOf(path) }
        : { where: path, fault: 'is missing', remedy: formOf(path) };
    case 'invalid_union': {
      // The branch that came furthest is the one that was meant.
      const [branch] = [...issue.errors].sort((one, other) => depth(other) - depth(one));
      const inner = branch?.[0];
      if (!inner || inner.path.length === 0)
        return { where: path, fault: 'has another shape', remedy: formOf(path) };
      return faultOfIssue({ ...inner, path: [...issue.path, ...inner.path] }, file, present);
    }
    case 'invalid_key':
      return { where: path, fault: nameFault(issue.issues[0]), remedy: keyForm(path) };
    case 'invalid_format':
      return { where: path, fault: 'has another form', remedy: formOf(path) };
    default:
      // A choice, a length or a rule of our own: zod's sentence says it all.
      return { where: path, fault: issue.message.replace(/\.$/, ''), remedy: formOf(path) };
  }
}

function nameFault(issue: z.core.$ZodIssue | undefined): string {
  return issue?.code === 'custom' ? issue.message : 'is not a name that can be used here';
}

function keyForm(path: readonly string[]): string {
  return path.includes('headers')
    ? (forms.headers ?? elsewhere)
    : 'Name an argument in camelCase with letters and digits, such as invoiceNumber.';
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}
