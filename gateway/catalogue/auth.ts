import { z } from 'zod';
import { headerName } from './http.ts';
import { secretName } from './names.ts';

const secret = secretName.describe('the secret that is lent to a call');
const tokenUrl = z
  .url({ protocol: /^https?$/ })
  .describe('where tokens are got; the one address that the secret goes to');
const signature = { header: headerName, algorithm: z.enum(['sha256', 'sha512']).default('sha256') };

/** How a request proves who sends it: one kind a shape. Its connector has one file for each. */
export const AuthSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('bearer'), secret }),
  z.strictObject({
    kind: z.literal('basic'),
    secret: secretName.describe('the password, or `user:password` where no user stands here'),
    user: z
      .string()
      .regex(/^[\x21-\x7e]+$/)
      .max(200)
      .refine((text) => !text.includes(':'), 'holds a colon')
      .optional(),
  }),
  z.strictObject({
    kind: z.literal('header'),
    secret,
    header: headerName,
    prefix: z.string().max(32).default(''),
  }),
  z.strictObject({
    kind: z.literal('oauth2'),
    secret: secretName.describe(
      'the client’s secret; of `refresh`, JSON with `clientSecret` and `refreshToken`',
    ),
    grant: z.enum(['client_credentials', 'refresh_token']).default('client_credentials'),
    tokenUrl,
    clientId: z.string().min(1).max(200),
    scope: z.string().max(500).optional(),
    audience: z.string().max(200).optional(),
  }),
  z.strictObject({
    kind: z.literal('github-app'),
    secret: secretName.describe('the app’s private key (PEM)'),
    appId: z
      .string()
      .regex(/^[A-Za-z0-9.]{1,40}$/)
      .describe('its id or client id'),
    installation: z.number().int().min(1).describe('the installation whose repositories are meant'),
  }),
  z.strictObject({
    kind: z.literal('hmac'),
    secret,
    ...signature,
    encoding: z.enum(['hex', 'base64']).default('hex'),
    prefix: z.string().max(32).default(''),
  }),
  z.strictObject({ kind: z.literal('standard-webhooks'), secret }),
]);

export type Auth = z.output<typeof AuthSchema>;
