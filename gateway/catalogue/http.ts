import { z } from 'zod';
import { fromArgument, secretName } from './names.ts';

/** A host without wildcard, empty label or dot at its end: each of them would be another name for a shared host. */
export const host = z
  .string()
  .regex(/^([a-z0-9-]+\.)*[a-z0-9-]+(:[0-9]{1,5})?$|^\[[0-9a-f:.]+\](:[0-9]{1,5})?$/);
/** The beginning of a path, in whole segments. */
export const pathPrefix = z.string().regex(/^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~@:+$-]+)+\/?$/);

/** A host with the parts of it that may be reached; without `paths`, all of it. */
const hostEntry = z.preprocess(
  (entry) => (typeof entry === 'string' ? { host: entry } : entry),
  z.strictObject({ host, paths: z.array(pathPrefix).min(1).optional() }),
);

/**
 * What a call may not set: where it goes, how it is framed, what the gateway itself says; what makes another method or
 * address of it than was decided; and what brings the answer back in pieces or packed, where a secret that the host echoes
 * could not be found.
 */
export const ownHeaders = new RegExp(
  `^(${[
    'host|connection|content-length|transfer-encoding|upgrade|te|trailer|expect|idempotency-key|proxy-.*',
    'x-http-method|x-http-method-override|x-method-override|x-original-url|x-rewrite-url',
    'range|if-range|accept-encoding|accept-charset',
  ].join('|')})$`,
);

/** A header that a file may fill. */
export const headerName = z
  .string()
  .regex(/^[a-z0-9-]{1,60}$/)
  .refine((name) => !ownHeaders.test(name), 'is a header that no call may set');

/** Address ranges in CIDR form. */
export const networks = z.array(z.union([z.cidrv4(), z.cidrv6()]));

/** The call itself is the request: its method, address, headers and body are arguments. */
export const HttpConnector = z.strictObject({
  kind: z.literal('http'),
  headers: z
    .record(headerName, fromArgument)
    .default({})
    .describe('headers that are filled from arguments, and that a call cannot set by itself'),
  maxResponseBytes: z.number().int().min(1).max(1_048_576).default(65_536),
});

/** Where a call may go. An empty list blocks everything. */
export const EgressSchema = z.strictObject({
  hosts: z.array(hostEntry).default([]).describe('hosts reachable without a secret'),
  methods: z.array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])).default(['GET', 'HEAD']),
  privateNetworks: networks
    .default([])
    .describe('private address ranges that hosts which are listed with their port may lead to'),
  secrets: z
    .array(
      z.strictObject({
        name: secretName,
        hosts: z.array(hostEntry).min(1).describe('the only hosts that this secret is ever sent to'),
        header: z
          .string()
          .regex(/^[a-z][a-z0-9-]*$/)
          .default('authorization'),
        prefix: z.string().max(32).default('Bearer '),
        plainHttp: z
          .boolean()
          .default(false)
          .describe('may also go out over http, readable on its way: for hosts of a network of your own'),
      }),
    )
    .default([]),
});

export type Egress = z.output<typeof EgressSchema>;
/** A host that a call may reach, and the paths of it where it is not all of them. */
export type HostEntry = Egress['hosts'][number];
