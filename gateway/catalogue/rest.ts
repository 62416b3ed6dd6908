import { z } from 'zod';
import { AuthSchema } from './auth.ts';
import { expression } from './expression.ts';
import { headerName, networks, pathPrefix } from './http.ts';
import type { BodyTemplate } from './template.ts';

const statuses = z.union([
  z.number().int().min(300).max(599),
  z.array(z.number().int().min(300).max(599)).min(1),
]);

/** What an answer that is no success means here. The first entry that fits counts. */
const ErrorRule = z.strictObject({
  status: statuses,
  when: expression.optional().describe('reads the answer’s JSON; the entry fits where it is true'),
  code: z.string().regex(/^[a-z][a-z0-9_]{0,39}$/),
  text: z.string().min(1).max(200).describe('one sentence, with what to do next'),
  outcome: z
    .enum(['failed', 'unknown', 'done'])
    .default('failed')
    .describe(
      '`failed`: nothing was done; `unknown`: it may have been; `done`: what was wanted holds already',
    ),
});

/** What the account of a system may do, where its vendor tells. One kind a way of telling. */
const Scopes = z.strictObject({
  told: z
    .enum(['github', 'hubspot'])
    .describe(
      '`github`: a header of each answer to a classic token; `hubspot`: asked of the token of a private app',
    ),
  needed: z
    .array(z.string().min(1).max(100))
    .min(1)
    .max(100)
    .describe('what the tools need, with what that includes; doctor warns of more'),
});

/** A system that is reached by HTTP: one file of `policies/apis/`, named as the file is, or written into a tool. */
export const ApiSchema = z.strictObject({
  title: z.string().min(1).max(60),
  url: z
    .string()
    .regex(
      /^https?:\/\/(([a-z0-9-]+\.)*[a-z0-9-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~@:+$-]+)*$/,
    )
    .describe('address that the paths of its tools are added to'),
  paths: z
    .array(pathPrefix)
    .min(1)
    .optional()
    .describe('all that may be reached of it; without them, all below `url`'),
  reads: z.array(pathPrefix).default([]).describe('paths that may be reached by GET as well'),
  privateNetworks: networks
    .default([])
    .describe('private address ranges that it may lead to; `url` names its port then'),
  plainHttp: z
    .boolean()
    .default(false)
    .describe('its secret may go out over http: for a network of your own'),
  auth: AuthSchema.optional(),
  scopes: Scopes.optional(),
  headers: z.record(headerName, z.string().max(200)).default({}),
  concurrency: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('how many calls of it may be under way at once, of all gateways together; more wait'),
  errors: z.array(ErrorRule).max(40).default([]),
  detail: expression.optional().describe('reads the vendor’s own words from an answer that is no success'),
});

const JsonTemplate: z.ZodType<BodyTemplate> = z.json();

/** What is sent. `{name}` is an argument, encoded for its place; `{+name}` several segments of a path. */
const request = {
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
  path: z
    .string()
    .regex(/^\/[^\s\\?#]*$/)
    .max(500),
  query: z.record(z.string().min(1).max(60), z.union([z.string(), z.number(), z.boolean()])).default({}),
  headers: z.record(headerName, z.string().max(500)).default({}),
  body: JsonTemplate.optional(),
  encoding: z.enum(['json', 'form']).default('json').describe('how the body is written'),
};

/** How the next page is found. */
const Pages = z.strictObject({
  items: expression.describe('the list in the answer’s JSON'),
  most: z.number().int().min(1).max(1000).default(100).describe('how many items are collected'),
  next: z.discriminatedUnion('by', [
    z
      .strictObject({ by: z.literal('link') })
      .describe('the address that the header `link` calls next (RFC 8288)'),
    z.strictObject({
      by: z.literal('cursor'),
      from: expression.describe('the cursor in the answer’s JSON; none ends it'),
      query: z.string().min(1).max(60).optional(),
      body: z.string().min(1).max(60).optional(),
    }),
    z.strictObject({
      by: z.literal('number'),
      query: z.string().min(1).max(60),
      first: z.number().int().min(0).default(1),
    }),
    z.strictObject({
      by: z.literal('offset'),
      query: z.string().min(1).max(60),
    }),
  ]),
});

const Probe = z
  .strictObject({
    ...request,
    method: z.enum(['GET', 'HEAD', 'POST']),
    happened: expression.describe('true where the effect of the call is there'),
    notHappened: expression.optional().describe('true where it certainly is not; with neither, nobody knows'),
  })
  .describe('finds out what became of a call; reads `{status, body, args, call}`');

const Check = z
  .strictObject({
    ...request,
    method: z.enum(['GET', 'HEAD']),
    holds: expression.describe('true where the call may go on'),
    code: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,39}$/)
      .default('reference_changed'),
    text: z.string().min(1).max(200),
  })
  .describe(
    'looked at right before the call, where the vendor compares nothing by itself; reads `{status, body, args}`',
  );

/** A tool that is one HTTP request, described and not programmed. */
export const RestConnector = z.strictObject({
  kind: z.literal('rest'),
  api: z.union([z.string().regex(/^[a-z][a-z0-9-]{0,39}$/), ApiSchema]),
  ...request,
  repeat: z
    .union([
      z.strictObject({
        header: z
          .string()
          .regex(/^[a-z0-9-]{1,60}$/)
          .describe('the vendor keeps to one effect for one value of this header: the id of the attempt'),
      }),
      z.strictObject({ natural: z.string().min(1).max(200).describe('why a second time changes nothing') }),
    ])
    .optional(),
  pages: Pages.optional(),
  answer: z
    .enum(['json', 'text'])
    .default('json')
    .describe('`text`: the result is `{text, truncated}`, whatever it is'),
  returns: expression.optional().describe('what of the answer’s JSON is the result'),
  errors: z.array(ErrorRule).max(40).default([]),
  check: Check.optional(),
  probe: Probe.optional(),
  maxResponseBytes: z.number().int().min(1).max(4_194_304).default(1_048_576),
});

export type Api = z.output<typeof ApiSchema>;
export type RestConnector = z.output<typeof RestConnector>;
export type ErrorRule = z.output<typeof ErrorRule>;
/** The part of a connector that is one request. */
export type RestRequest = Pick<RestConnector, 'method' | 'path' | 'query' | 'headers' | 'body' | 'encoding'>;
