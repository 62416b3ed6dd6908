import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, handleWhen, type IPolicy } from 'cockatiel';
import { GatehouseError } from '../config/index.ts';
import { roomOf } from './room.ts';
import type { Connector, Connectors } from './types.ts';

const failuresInARow = 5;
const restSeconds = 10;

/** Whether an error says that its system does not answer, rather than that it says no. */
const isOutage = (error: unknown): boolean =>
  !(error instanceof GatehouseError) ||
  ['GH-EGRESS-010', 'GH-TOOLS-002', 'GH-TOOLS-043', 'GH-TOOLS-076'].includes(error.code);

/**
 * Puts one circuit breaker before each account. After some failures in a row nothing is sent to it for a while; then one call
 * finds out. So calls that wait do not keep a system down that tries to get up, and answers come at once meanwhile: a
 * call that is not made throws `GH-TOOLS-047`.
 */
export function withBreakers(connectors: Connectors): Connectors {
  const breakers = new Map<string, IPolicy>();
  const breakerOf = (account: string): IPolicy => {
    let breaker = breakers.get(account);
    if (!breaker) {
      breaker = circuitBreaker(handleWhen(isOutage), {
        halfOpenAfter: restSeconds * 1000,
        breaker: new ConsecutiveBreaker(failuresInARow),
      });
      breakers.set(account, breaker);
    }
    return breaker;
  };
  const guarded = (connector: Connector): Connector => ({
    ...connector,
    async run(call) {
      const room = roomOf(call.tool);
      if (room === null) return connector.run(call);
      try {
        return await breakerOf(room.account).execute(() => connector.run(call));
      } catch (error) {
        throw error instanceof BrokenCircuitError ? leftAlone() : error;
      }
    },
  });
  return Object.fromEntries(
    Object.entries(connectors).map(([kind, connector]) => [kind, guarded(connector)]),
  ) as Connectors;
}

const leftAlone = (): GatehouseError =>
  new GatehouseError(
    'GH-TOOLS-047',
    'The system did not answer the last calls and is left alone for a while, so nothing was done.',
    { status: 503, retryAfter: restSeconds, next: `Try again in ${restSeconds} seconds.` },
  );
