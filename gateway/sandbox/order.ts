import {
  createCipheriv,
  createHmac,
  createSecretKey,
  randomUUID,
  timingSafeEqual,
  type CipherGCM,
  type KeyObject,
} from 'node:crypto';
import { z } from 'zod';
import { GatehouseError } from '../config/index.ts';
import { bounds, Language, LimitsSchema, WorkPath } from './contract.ts';
import { EgressSchema } from './egress/contract.ts';
import { mostTarBytes } from './files.ts';

/** What a run order asks for. Its body is the tar of its files, stdin, the code and their seal, one after the other. */
const RunSchema = z
  .strictObject({
    language: Language,
    /** One of the runner's images for this language; its default one where it is not named. */
    image: z.string().optional(),
    /** Only what the runner's configuration lists: `none`, or `egress` for the proxy alone. */
    network: z.string(),
    /** What the proxy opens. */
    egress: EgressSchema.optional(),
    limits: LimitsSchema,
    artefacts: z.array(WorkPath).max(bounds.artefacts),
    bytes: z.strictObject({
      files: z.number().int().min(0).max(mostTarBytes, `is longer than ${mostTarBytes} bytes`),
      stdin: z.number().int().min(0).max(bounds.stdinBytes, `is longer than ${bounds.stdinBytes} bytes`),
      code: z
        .number()
        .int()
        .min(1, 'is empty')
        .max(bounds.codeBytes, `is longer than ${bounds.codeBytes} bytes`),
    }),
  })
  .refine(({ network, egress }) => (network === 'egress') === (egress !== undefined), {
    path: ['egress'],
    error: 'goes with the network egress, and only with it',
  });

const ClaimsSchema = z.strictObject({
  aud: z.literal('gatehouse-runner'),
  jti: z.uuid(),
  iat: z.number(),
  exp: z.number(),
  run: RunSchema,
});

export type RunOrder = z.output<typeof RunSchema>;

/** How long an order may be on its way, and how far the clocks of both sides may differ; seconds. */
const lifetime = 20;
const skew = 5;

/** The key of both sides. @param secret what gateway and runner share; it never travels */
export const orderKey = (secret: string): KeyObject => createSecretKey(secret, 'utf8');

const encoded = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
/** The one header of RFC 7515 that an order has: no other algorithm is ever looked at. */
const header = encoded({ alg: 'HS256' });
const signatureOf = (key: KeyObject, text: string): string =>
  createHmac('sha256', key).update(text).digest('base64url');

/**
 * Signs one run order (JWT, HS256): it can be used once and only for some seconds, with the body that `Seal` closes. By hand, as
 * the libraries sign and verify over WebCrypto, whose way to another thread and back is a tenth of a whole run.
 */
export function signOrder(key: KeyObject, run: z.input<typeof RunSchema>, now = Date.now()): string {
  const seconds = now / 1000;
  const times = { iat: seconds, exp: seconds + lifetime };
  const text = `${header}.${encoded({ run, aud: 'gatehouse-runner', jti: randomUUID(), ...times })}`;
  return `${text}.${signatureOf(key, text)}`;
}

/** How many bytes end a body. */
export const sealBytes = 16;

/** What closes the body of one order, once fed with all of it: so a body can be sent while it is still being sealed. */
export class Seal {
  readonly #cipher: CipherGCM;

  /** AES-256-GMAC (NIST SP 800-38D) by a key that only this order has, which therefore needs no nonce. */
  constructor(key: KeyObject, order: string) {
    const own = createHmac('sha256', key).update(`gatehouse run body\n${order}`).digest();
    this.#cipher = createCipheriv('aes-256-gcm', own, Buffer.alloc(12));
  }

  update(piece: Uint8Array): this {
    this.#cipher.setAAD(piece);
    return this;
  }

  digest(): Buffer {
    this.#cipher.final();
    return this.#cipher.getAuthTag();
  }
}

/** The runner's side: takes each order once. */
export class Orders {
  readonly #key: KeyObject;
  readonly #now: () => number;
  readonly #since: number;
  readonly #used = new Map<string, number>();

  /** @param now milliseconds; orders from before the first call are refused, as their use may be forgotten */
  constructor(key: KeyObject, now: () => number = Date.now) {
    this.#key = key;
    this.#now = now;
    this.#since = now() / 1000;
  }

  /**
   * @returns what the order asks for; it is used up by that
   * @throws GatehouseError `GH-SANDBOX-002` not signed by the gateway, `-006` late, early or from before the start,
   * `-007` used before, `-003` not usable
   */
  take(order: string): RunOrder {
    const now = this.#now() / 1000;
    const claims = ClaimsSchema.safeParse(this.#payload(order));
    if (!claims.success) {
      const [issue] = claims.error.issues;
      const at =
        issue?.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : (issue?.path ?? []);
      const field = at.slice(1).join('.');
      throw new GatehouseError('GH-SANDBOX-003', `The run is not usable: ${field} ${issue?.message ?? ''}`, {
        field,
      });
    }
    const { iat, exp, jti, run } = claims.data;
    if (exp <= now - skew) throw outOfTime('The run order is too late.');
    if (iat > now + skew || exp - iat > lifetime || iat < this.#since) {
      throw outOfTime('The run order is too early, too long, or from before the runner’s start.');
    }
    for (const [id, until] of this.#used) {
      if (until >= now) break;
      this.#used.delete(id);
    }
    if (this.#used.has(jti)) {
      throw new GatehouseError('GH-SANDBOX-007', 'The run order was used before.', {
        status: 409,
        next: 'Ask for a new run; each order is good for one.',
      });
    }
    this.#used.set(jti, exp + 2 * skew);
    return run;
  }

  #payload(order: string): unknown {
    const [, payload = ''] = order.split('.');
    const text = `${header}.${payload}`;
    const given = Buffer.from(order);
    const own = Buffer.from(`${text}.${signatureOf(this.#key, text)}`);
    const same = given.length === own.length && timingSafeEqual(given, own);
    const claims = same ? (JSON.parse(Buffer.from(payload, 'base64url').toString()) as object) : {};
    if ('aud' in claims && claims.aud === 'gatehouse-runner') return claims;
    throw new GatehouseError('GH-SANDBOX-002', 'The run order is not signed by this runner’s gateway.', {
      status: 401,
      next: 'Give the gateway’s secret runner/token and the runner’s GATEHOUSE_RUNNER_TOKEN the same value.',
    });
  }
}

function outOfTime(text: string): GatehouseError {
  return new GatehouseError('GH-SANDBOX-006', text, {
    status: 403,
    next: 'Ask for a new run; where that fails too, set the clocks of both machines.',
  });
}
