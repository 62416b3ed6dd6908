import { Webhook } from 'standardwebhooks';
import { signingSecrets } from '../../../../vault/index.ts';
import { unusableSecret } from './secret.ts';
import type { Signer } from './types.ts';

/** https://www.standardwebhooks.com: id, time and body signed together, so that a replay is found. */
export const standardWebhooks: Signer<'standard-webhooks'> = (auth, { secret, body, attempt }, { now }) => {
  const at = new Date(now());
  const secrets = signingSecrets(secret);
  let signature: string;
  try {
    // Two are good while one takes the place of the other: the receiver may know either.
    signature = secrets.map((one) => new Webhook(one).sign(attempt, at, body ?? '')).join(' ');
  } catch {
    throw unusableSecret(auth.secret, 'Write it as whsec_ and Base64.');
  }
  return {
    headers: {
      'webhook-id': attempt,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': signature,
    },
    sensitive: secrets.map((one) => one.replace(/^whsec_/, '')),
  };
};
