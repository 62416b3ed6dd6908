import { createHmac, timingSafeEqual } from 'node:crypto';
import { signingSecrets } from '../../vault/index.ts';
import type { RawDelivery } from '../adapter.ts';
import { unauthenticated } from '../failures.ts';

/** Slack's own recommendation; applied to both sides, so that a stamp from the future cannot be stored up. */
const windowSeconds = 5 * 60;

/**
 * Checks Slack's v0 signature over the raw bytes. A replay inside the window carries the ids of the first delivery
 * and is dropped as its duplicate.
 * Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
 * @param secret Slack’s signing secret; while it is replaced, the new one and the former one with a space between
 * @throws GatehouseError 401 `GH-CHANNEL-002`
 */
export function verifySlackSignature(secret: string, delivery: RawDelivery): void {
  const stamp = delivery.headers['x-slack-request-timestamp'] ?? '';
  const signature = delivery.headers['x-slack-signature'] ?? '';
  if (!/^\d{1,12}$/.test(stamp) || !/^v0=[0-9a-f]{64}$/.test(signature)) {
    throw unauthenticated('The call carries no Slack signature.');
  }
  const age = delivery.receivedAt.getTime() / 1000 - Number(stamp);
  if (Math.abs(age) > windowSeconds)
    throw unauthenticated('The timestamp of the signature is too old or too new.');
  const given = Buffer.from(signature.slice(3), 'hex');
  // Each is compared, whichever matches.
  const matching = signingSecrets(secret).filter((one) => {
    const expected = createHmac('sha256', one).update(`v0:${stamp}:`).update(delivery.body).digest();
    return timingSafeEqual(expected, given);
  });
  if (matching.length === 0) {
    throw unauthenticated('The Slack signature does not match.');
  }
}
