import { join } from 'node:path';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { z } from 'zod';
import { readVersioned, type Versioned } from './yaml-file.ts';

const LimitSchema = z.strictObject({
  messages: z.number().int().min(1).max(1_000_000).describe('how many go at once, per window'),
  seconds: z.number().int().min(1).max(3600).describe('length of the window'),
  queue: z
    .number()
    .int()
    .min(0)
    .max(10_000_000)
    .describe('how many more wait their turn; the rest is refused'),
});
const LimitsSchema = z.strictObject({ sender: LimitSchema, channel: LimitSchema });

/** `policies/limits.yaml`: `default`, and a full pair of its own for any channel that needs one. */
const LimitsFileSchema = z.strictObject({
  default: LimitsSchema,
  channels: z.partialRecord(z.enum(['web', 'slack', 'telegram']), LimitsSchema).default({}),
  // What the rules hold calls against; they read it themselves.
  pendingAsks: z.unknown().optional(),
  conversations: z.unknown().optional(),
  budgets: z.unknown().optional(),
});

/** Whose allowance a message takes: its sender's and its channel account's. */
export interface Consumer {
  channel: string;
  account: string;
  sender: string;
}

/** `tell` is true once per spell, so that the sender hears of it once and not with every message. */
export type Allowance =
  | { verdict: 'go' }
  | { verdict: 'later'; waitMs: number; tell: boolean }
  | { verdict: 'refuse'; tell: boolean };

/** Rate limits per sender and per channel account. */
export interface Limits {
  /** Digest of limits.yaml; part of the policy version. */
  readonly version: string;
  consume(consumer: Consumer): Promise<Allowance>;
  /** As `consume`, one result each, in order. */
  consumeAll(consumers: readonly Consumer[]): Promise<Allowance[]>;
  /** Reads limits.yaml again and starts counting afresh. @throws GatehouseError `GH-SESSIONS-001` */
  reload(): Promise<void>;
}

/** The windows of one channel. */
interface Rule {
  sender: Windows;
  channel: Windows;
  told: RateLimiterMemory;
}

/**
 * Loads limits.yaml. Counters live in memory: a restart forgets them, which lets a burst through but loses nothing.
 * @param options.admit asked with its digest before a file is used
 * @throws GatehouseError `GH-SESSIONS-001` naming file, line and reason
 */
export async function createLimits(options: {
  policiesDir: string;
  clock?: () => Date;
  admit?: (digest: string) => Promise<void>;
}): Promise<Limits> {
  const file = join(options.policiesDir, 'limits.yaml');
  const now = options.clock ?? (() => new Date());
  let rules = await load();

  async function load(): Promise<Versioned<(channel: string) => Rule>> {
    const { data: limits, version } = await readVersioned(file, LimitsFileSchema, options.admit);
    const make = (pair: z.output<typeof LimitsSchema>): Rule => ({
      sender: new Windows(pair.sender),
      channel: new Windows(pair.channel),
      told: new RateLimiterMemory({ points: 1, duration: pair.sender.seconds }),
    });
    const fallback = make(limits.default);
    const own = new Map(Object.entries(limits.channels).map(([channel, pair]) => [channel, make(pair)]));
    return { data: (channel) => own.get(channel) ?? fallback, version };
  }

  async function consume({ channel, account, sender }: Consumer): Promise<Allowance> {
    const rule = rules.data(channel);
    const accountKey = JSON.stringify([channel, account]);
    const senderKey = JSON.stringify([channel, account, sender]);
    const at = now().getTime();
    const own = await rule.sender.take(senderKey, at);
    // A refused message takes nothing from the others of its channel.
    const shared = own === null ? null : await rule.channel.take(accountKey, at);
    if (own === null || shared === null)
      return { verdict: 'refuse', tell: await first(rule.told, `refuse ${senderKey}`) };
    const waitMs = Math.max(own, shared);
    if (waitMs === 0) return { verdict: 'go' };
    return { verdict: 'later', waitMs, tell: await first(rule.told, `later ${senderKey}`) };
  }

  return {
    get version() {
      return rules.version;
    },
    consume,
    async consumeAll(consumers) {
      const results: Allowance[] = [];
      for (const consumer of consumers) results.push(await consume(consumer));
      return results;
    },
    async reload() {
      rules = await load();
    },
  };
}

/**
 * Fixed windows in which the excess of one takes its place in the next. A place taken ahead is spent when its window
 * comes, so that waiting messages and new ones together never exceed the limit, and their order is kept.
 */
class Windows {
  readonly #limiter: RateLimiterMemory;
  readonly #lengthMs: number;
  readonly #ahead: number;

  constructor(limit: z.output<typeof LimitSchema>) {
    this.#lengthMs = limit.seconds * 1000;
    this.#ahead = Math.ceil(limit.queue / limit.messages);
    this.#limiter = new RateLimiterMemory({
      points: limit.messages,
      duration: limit.seconds * (this.#ahead + 1),
    });
  }

  /** @returns milliseconds until the place that was taken, 0 for now, null when all are taken */
  async take(key: string, at: number): Promise<number | null> {
    const current = Math.floor(at / this.#lengthMs);
    for (let ahead = 0; ahead <= this.#ahead; ahead += 1) {
      if (await first(this.#limiter, `${current + ahead} ${key}`)) {
        return ahead === 0 ? 0 : (current + ahead) * this.#lengthMs - at;
      }
    }
    return null;
  }
}

/** `consume` of the library rejects with its result, not an Error, when no point is left. */
async function first(limiter: RateLimiterMemory, key: string): Promise<boolean> {
  return limiter.consume(key).then(
    () => true,
    () => false,
  );
}
