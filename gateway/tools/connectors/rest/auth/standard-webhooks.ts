import { Webhook } from 'standardwebhooks';
import { unusableSecret } from './secret.ts';
import type { Signer } from './types.ts';

/** https://www.standardwebhooks.com: id, time and body signed together, so that a replay is found. */
export const standardWebhooks: Signer<'standard-webhooks'> = (auth, { secret, body, attempt }, { now }) => {
  const at = new Date(now());
  let signature: string;
  try {
    signature = new Webhook(secret).sign(attempt, at, body ?? '');
  } catch {
    throw unusableSecret(auth.secret, 'Write it as whsec_ and Base64.');
  }
  return {
    headers: {
      'webhook-id': attempt,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': signature,
    },
    sensitive: [secret.replace(/^whsec_/, '')],
  };
};
