import { isIP } from 'node:net';
import { z } from 'zod';

/** A full name, as DNS has it. An address is none, in whatever spelling a URL would read it. */
const HostName = z
  .string()
  .max(253)
  .regex(/^([a-z0-9]([a-z0-9-]{0,62})\.)*[a-z0-9][a-z0-9-]{0,62}$/)
  .refine((name) => isName(name), 'is an address; name the host');

/** One host that a run may reach. */
const RuleSchema = z.strictObject({
  host: HostName,
  port: z.number().int().min(1).max(65_535),
  /** Whether the proxy ends TLS, with a certificate that only this run trusts, and sees each request. */
  intercept: z.boolean(),
  /** Counted only where it is intercepted. */
  methods: z.array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])).optional(),
  /** Prefixes of whole path segments; all of the host where left out. */
  paths: z.array(z.string().startsWith('/').max(512)).min(1).optional(),
  /** Private ranges (CIDR) that its name may lead to. */
  privateNetworks: z.array(z.union([z.cidrv4(), z.cidrv6()])),
  /** The secret that the placeholder stands for, in one header; sealed with the key of both sides. */
  secret: z
    .strictObject({
      name: z.string(),
      header: z.string().regex(/^[a-z][a-z0-9-]*$/),
      prefix: z.string().max(32),
      sealed: z.string(),
    })
    .optional(),
});

/**
 * What a run may reach, as it was decided. Methods, paths and a secret need the proxy to see the request: an order that
 * names them for a host which is not intercepted is refused before it starts.
 */
export const EgressSchema = z
  .array(
    RuleSchema.refine(
      ({ intercept, methods, paths, secret }) => intercept || !(methods ?? paths ?? secret),
      'has methods, paths or a secret, and is not intercepted',
    ),
  )
  .min(1)
  .max(32)
  // Only the first would count, so that what the other one says of it would not hold.
  .refine(
    (rules) => new Set(rules.map(({ host, port }) => `${host}:${port}`)).size === rules.length,
    'names a host and port twice',
  );
export type EgressRules = z.output<typeof EgressSchema>;
export type EgressRule = EgressRules[number];

/** One use of the proxy, as a receipt keeps it: no path beyond the listed one, no query, no header, no body. */
export const UseSchema = z.strictObject({
  host: z.string(),
  port: z.number().int(),
  method: z.string().nullable(),
  /** The listed path that covers it, `/` for all of the host; null where the proxy did not see it. */
  path: z.string().nullable(),
  status: z.number().int().nullable(),
  sentBytes: z.number().int(),
  receivedBytes: z.number().int(),
  outcome: z.enum(['ok', 'refused', 'failed']),
  /** What refused it. */
  rule: z.string().nullable(),
});
export type EgressUse = z.output<typeof UseSchema>;

/** Whether a host is written as a name, and not as an address: `127.1`, `0x7f000001` and `[::1]` are addresses. */
export function isName(host: string): boolean {
  const url = URL.parse(`https://${host}/`);
  return url !== null && url.hostname === host && isIP(host.replace(/^\[|\]$/g, '')) === 0;
}
