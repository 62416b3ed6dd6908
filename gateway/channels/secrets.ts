import type { AdapterContext } from './adapter.ts';
import { missingSecret } from './failures.ts';

/** The secrets that a channel does not start without, by its mode. */
export const channelSecrets = {
  slack: {
    socket: ['slack/bot-token', 'slack/app-token'],
    events: ['slack/bot-token', 'slack/signing-secret'],
  },
  telegram: {
    polling: ['telegram/bot-token'],
    webhook: ['telegram/bot-token', 'telegram/webhook-secret'],
  },
} as const;

/** A rotated secret is used this much later at most. */
const cacheMs = 5000;

/**
 * Reads a secret that the channel cannot do without, and remembers it for a few seconds.
 * @throws GatehouseError `GH-CHANNEL-001` when it is not set: a channel never works without its proof
 */
export function requiredSecret(
  context: Pick<AdapterContext, 'secrets'>,
  name: string,
): () => Promise<string> {
  let known: { value: string; until: number } | undefined;
  return async () => {
    if (known && known.until > Date.now()) return known.value;
    const value = await context.secrets(name);
    if (value === undefined || value === '') throw missingSecret(name);
    known = { value, until: Date.now() + cacheMs };
    return value;
  };
}
