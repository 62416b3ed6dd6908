import { randomBytes } from 'node:crypto';
import type { By } from './plan.ts';
import { runHook } from './hook.ts';
import type { Rotator } from './rotator.ts';

/** The signing secrets in a value: the current one first, then those that are good beside it. */
export const signingSecrets = (value: string): string[] => value.trim().split(/\s+/);

/**
 * A new secret for signatures. While the overlap lasts the value holds both, with a space between: what is sent is signed with
 * each, and what comes in may be signed with either (https://www.standardwebhooks.com, "zero downtime secret rotation").
 */
export function webhookSigningRotator(
  { announce, seconds }: Extract<By, { kind: 'webhook-signing' }>,
  secret: string,
): Rotator {
  return {
    make(current) {
      const [first = ''] = signingSecrets(current);
      return `whsec_${randomBytes(32).toString('base64')} ${first}`;
    },
    ...(announce
      ? {
          async activate(next) {
            await runHook(announce, { secret, input: signingSecrets(next)[0] ?? '', seconds });
          },
        }
      : {}),
    // Nobody can be asked: whoever checks the signatures accepts the former one until it is told.
    prove: () => Promise.resolve(),
    retire: ({ current }) => Promise.resolve(signingSecrets(current)[0]),
  };
}
