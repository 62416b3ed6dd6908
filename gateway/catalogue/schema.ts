import { z } from 'zod';
import { ChatConnector } from './chat.ts';
import { FilesConnector } from './files.ts';
import { EgressSchema, HttpConnector } from './http.ts';
import { argument, fromArgument, secretName } from './names.ts';
import { PostgresConnector, QueryConnector } from './postgres.ts';
import { RestConnector } from './rest.ts';
import { SmtpConnector } from './smtp.ts';

/** What a call can do to the world. `unclassified` always needs approval. */
export const riskClasses = [
  'read',
  'write',
  'prod_write',
  'payment',
  'delete',
  'access',
  'outbound',
  'code',
  'unclassified',
] as const;
export type RiskClass = (typeof riskClasses)[number];

/** Who may see what a tool returns, from everybody to few. */
export const dataClasses = ['public', 'internal', 'confidential', 'personal'] as const;
export type DataClass = (typeof dataClasses)[number];

/** Why a call that certainly had no effect may be tried again later. */
export const waitable = ['unreachable', 'busy', 'secrets'] as const;

const pointer = z.string().regex(/^(\/[^/~]*(~[01][^/~]*)*)+$/, 'is not a JSON Pointer');

const GatehouseConnector = z.strictObject({
  kind: z.literal('gatehouse'),
  action: z.enum(['help', 'whoami', 'pending', 'cancel', 'reply', 'result']),
});
const CodeConnector = z.strictObject({
  kind: z.literal('code'),
  limits: z
    .strictObject({
      timeoutMs: z.number().int().min(100).max(120_000).optional(),
      memoryMb: z.number().int().min(16).max(1024).optional(),
      outputBytes: z.number().int().min(256).max(262_144).optional(),
    })
    .optional(),
  intercept: z
    .boolean()
    .default(false)
    .describe(
      'the egress proxy sees each request of the code: methods, paths and secrets are held, and WebSocket is closed',
    ),
});

/** How a call reaches its system of record. */
export const ConnectorSchema = z.discriminatedUnion('kind', [
  PostgresConnector,
  QueryConnector,
  GatehouseConnector,
  HttpConnector,
  RestConnector,
  CodeConnector,
  FilesConnector,
  SmtpConnector,
  ChatConnector,
]);

/** How the version of changeable content is fixed. */
export const pinForms = ['sha256', 'commit', 'version', 'etag'] as const;
const Pin = z.union([
  z.strictObject({
    by: argument.describe('the argument that says which version is meant'),
    form: z.enum(pinForms).default('sha256'),
  }),
  z.strictObject({ immutable: z.string().min(1).max(200).describe('why it cannot change') }),
]);

const PreviewColumn = z.strictObject({
  label: z.string().min(1).max(40).describe('what the card calls it'),
  money: z
    .union([z.string().regex(/^[A-Z]{3}$/), fromArgument])
    .optional()
    .describe('its currency, or the argument that names it'),
  volatile: z.boolean().default(false).describe('shown, and free to change until the call runs'),
});
/** What a call would do, looked up before people are asked and again right before it runs. */
const PreviewSchema = z.union([
  z.strictObject({
    statement: z.string().min(1).describe('one SELECT that returns one row, in a read-only transaction'),
    parameters: z.array(z.string().regex(/^(args\.[a-z][A-Za-z0-9]*|principal)$/)).default([]),
    columns: z.record(z.string().regex(/^[a-z][a-z0-9_]{0,39}$/), PreviewColumn),
    missing: z.string().max(200).optional(),
  }),
  z.strictObject({
    dryRun: z
      .literal(true)
      .describe(
        'the connector finds it out: postgres does it, counts the rows and takes it back; files and smtp look',
      ),
  }),
  z.strictObject({ none: z.string().min(1).max(200).describe('why it has no dry run, for the card') }),
]);

const jsonSchema = z.looseObject({
  type: z.literal('object'),
  properties: z.record(argument, z.looseObject({})),
  required: z.array(argument).default([]),
  additionalProperties: z.literal(false, { error: 'must be false: a call carries no undeclared argument' }),
});

/** One file of `policies/tools/`. */
export const ToolSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9]*(\.[a-z][a-z0-9-]*)+$/),
  title: z.string().min(1).max(60),
  description: z.string().min(1).max(500),
  risk: z.enum(riskClasses),
  args: jsonSchema.describe('JSON Schema of the arguments'),
  kinds: z
    .record(argument, z.enum(['redirects', 'selects', 'sizes', 'content']))
    .describe('what each argument decides'),
  constants: z
    .record(argument, z.string())
    .default({})
    .describe('argument values that the catalogue itself vouches for'),
  says: z
    .record(argument, z.record(z.string().min(1), z.array(z.string().min(1).max(40)).min(1).max(20)))
    .default({})
    .describe('what people say for a choice of an argument: `{ status: { frozen: [freeze, block] } }`'),
  reaches: z
    .array(argument)
    .min(1)
    .optional()
    .describe('the call reaches nobody but whom these arguments name; without them it stays with the person'),
  undo: z
    .strictObject({
      by: z.string().min(1).max(200).describe('what a person does to take the call back'),
      unless: z
        .record(argument, z.array(z.string().min(1)).min(1))
        .default({})
        .describe('choices of an argument that nothing takes back: `{ permission: [own] }`'),
    })
    .optional()
    .describe('declare it only where taking the call back mends what it did'),
  money: z.strictObject({ amount: argument, currency: argument }).optional(),
  tokens: z
    .strictObject({
      most: pointer.describe('where the arguments say how many tokens a call may use'),
      used: pointer.describe('where the answer says how many it did use'),
    })
    .optional()
    .describe('the call asks a language model, which budgets of tokens count; JSON Pointers (RFC 6901)'),
  pins: z
    .record(argument, Pin)
    .default({})
    .describe('arguments that name content which can change, and how its version is fixed'),
  example: z.record(argument, z.json()).optional().describe('the arguments of a typical call'),
  usage: z.string().max(120).optional().describe('what a person types for it, shown by help'),
  command: z
    .string()
    .max(120)
    .regex(/^\/[a-z][a-z0-9-]{0,31}( [a-z][a-z0-9-]*)*( \{[a-z][A-Za-z0-9]*\})*$/)
    .optional()
    .describe(
      'where the words of a command go: `/issue {owner} {repo} {title} {body}`; the last takes the rest',
    ),
  sentence: z.string().min(1).max(300).describe('the call in words, for cards'),
  done: z.string().min(1).max(300).describe('the outcome in words, for replies'),
  directory: z
    .strictObject({ returns: z.array(z.string().min(1).max(60)).min(1) })
    .optional()
    .describe(
      'its one record vouches for these fields, where it was asked with the words of the person who asks',
    ),
  output: z
    .enum(['trusted', 'untrusted'])
    .default('untrusted')
    .describe('`trusted`: what it returns was written by nobody who could mean harm, such as a balance'),
  dataClass: z
    .enum(dataClasses)
    .default('internal')
    .describe('who may see what it returns: `public`, `internal`, `confidential` or `personal`'),
  idempotencyKey: z
    .enum(['attempt', 'none'])
    .describe('`attempt`: doing the call twice with one attempt id has one effect'),
  timeoutSeconds: z.number().int().min(1).max(300).default(30),
  retry: z
    .strictObject({
      seconds: z.number().int().min(0).max(86_400).describe('for how long; 0 for not at all'),
      on: z
        .array(z.enum(waitable))
        .min(1)
        .default([...waitable])
        .describe(
          '`unreachable`: no connection came about; `busy`: it was turned away for its rate; `secrets`: the store of its secret is sealed or does not answer',
        ),
    })
    .optional()
    .describe(
      'a call that certainly had no effect is tried again; for five minutes where nothing is said, and not at all where it only reads',
    ),
  secret: secretName.optional(),
  egress: EgressSchema.optional(),
  connector: ConnectorSchema,
  preview: PreviewSchema.optional().describe('the dry run that fills the card of a request'),
});

/** A tool as its file declares it. */
export type ToolFile = z.output<typeof ToolSchema>;
export type Connector = ToolFile['connector'];
export type ArgumentKind = ToolFile['kinds'][string];
/** A dry run that can be run. */
export type PreviewStatement = Extract<NonNullable<ToolFile['preview']>, { statement: string }>;
export type PinForm = (typeof pinForms)[number];
