import {
  BrokenCircuitError,
  circuitBreaker,
  ConsecutiveBreaker,
  handleWhen,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import type { Model } from './file.ts';
import { ModelFailed } from './failed.ts';

const failuresInARow = 3;
const restMs = 15_000;

/** One circuit breaker a model, so that one that is away is not asked at each step. */
export interface Breakers {
  isResting(model: Model): boolean;
  /** @throws ModelFailed also where the model was not asked */
  guard<T>(model: Model, ask: () => Promise<T>): Promise<T>;
}

export function createBreakers(): Breakers {
  const breakers = new Map<string, { breaker: CircuitBreakerPolicy; restsUntil: number }>();
  const of = ({ name, at }: Model): { breaker: CircuitBreakerPolicy; restsUntil: number } => {
    const key = `${name} ${at.url}`;
    const known = breakers.get(key);
    if (known) return known;
    const breaker = circuitBreaker(
      handleWhen((error) => error instanceof ModelFailed && error.outage),
      { halfOpenAfter: restMs, breaker: new ConsecutiveBreaker(failuresInARow) },
    );
    const entry = { breaker, restsUntil: 0 };
    breaker.onBreak(() => {
      entry.restsUntil = Date.now() + restMs;
    });
    breakers.set(key, entry);
    return entry;
  };
  return {
    isResting: (model) => of(model).restsUntil > Date.now(),
    async guard(model, ask) {
      try {
        return await of(model).breaker.execute(ask);
      } catch (error) {
        throw error instanceof BrokenCircuitError ? new ModelFailed('resting', { unpaid: true }) : error;
      }
    },
  };
}
