import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { Pool } from '../db/index.ts';
import { refusals } from './refusals.ts';

/** Of a million codes three are right at a time; 20 wrong ones a day find one in about 45 years. */
const allowances = [
  { keyPrefix: 'soon', points: 5, duration: 15 * 60 },
  { keyPrefix: 'day', points: 20, duration: 24 * 3600 },
];

/** How many codes a person may try, counted in Postgres for all gateways together. */
export class Tries {
  readonly #limiters: RateLimiterPostgres[];

  constructor(pool: Pool) {
    this.#limiters = allowances.map(
      (allowance) =>
        new RateLimiterPostgres({
          storeClient: pool,
          storeType: 'pool',
          tableName: 'factor_tries',
          tableCreated: true,
          ...allowance,
        }),
    );
  }

  /** Counts a try before it is looked at. @throws GatehouseError `GH-FACTOR-004`, or what Postgres throws */
  async spend(principal: string): Promise<void> {
    for (const limiter of this.#limiters) {
      try {
        await limiter.consume(principal);
      } catch (error) {
        if (error instanceof RateLimiterRes) throw refusals.tooMany(Math.ceil(error.msBeforeNext / 1000));
        throw error;
      }
    }
  }

  /** A right code costs nothing. */
  async giveBack(principal: string): Promise<void> {
    for (const limiter of this.#limiters) await limiter.reward(principal, 1);
  }
}
