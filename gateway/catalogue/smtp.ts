import { z } from 'zod';
import { filesRoot } from './files.ts';
import { networks } from './http.ts';

const hostName = z
  .string()
  .regex(/^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/);
/** An address in its plain form, without a name or quotes. */
const address = z
  .string()
  .max(254)
  .regex(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([a-z0-9-]+\.)+[a-z0-9-]+$/);

/** Mail through an SMTP server. Who it is from and which server sends it, no call decides. */
export const SmtpConnector = z.strictObject({
  kind: z.literal('smtp'),
  host: hostName.describe('the mail server; its certificate has to be for this name'),
  port: z.number().int().min(1).max(65535).default(465),
  tls: z
    .enum(['implicit', 'starttls'])
    .default('implicit')
    .describe('`starttls` for port 587; never without TLS'),
  certificate: z
    .string()
    .includes('-----BEGIN CERTIFICATE-----')
    .optional()
    .describe('the authority (PEM) of a server whose certificate no public one signed'),
  privateNetworks: networks.default([]).describe('private ranges that the host may lead to'),
  from: z.strictObject({
    address,
    name: z
      .string()
      .regex(/^[^\p{C}\u2028\u2029]{1,100}$/u)
      .optional(),
  }),
  replyTo: address.optional(),
  domains: z.array(hostName).min(1).optional().describe('the only domains that mail goes to'),
  maxRecipients: z.number().int().min(1).max(1000).default(20),
  root: filesRoot.optional(),
  maxAttachmentBytes: z
    .number()
    .int()
    .min(1)
    .max(25_000_000)
    .default(10_000_000)
    .describe('of all files together'),
  unsubscribe: z
    .string()
    .max(500)
    .regex(/^https:\/\/[^\s<>"\\]*\{token\}[^\s<>"\\]*$/)
    .optional()
    .describe(
      'each recipient gets a mail of their own with List-Unsubscribe and its one-click form (RFC 8058)',
    ),
});
