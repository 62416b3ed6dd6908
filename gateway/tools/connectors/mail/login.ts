import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { refused } from './refused.ts';
import type { Login } from './server.ts';

const Whole = z.strictObject({
  user: z.string().min(1).max(300),
  password: z.string().min(1).max(2000),
  unsubscribeKey: z.string().min(16).max(300).optional(),
});

/**
 * Reads the secret of a mail tool: `user:password`, or JSON with `user`, `password` and `unsubscribeKey`.
 * @throws GatehouseError `GH-TOOLS-073`, which repeats nothing of it
 */
export function loginOf(secret: string): Login & { unsubscribeKey: string | undefined } {
  const whole = secret.startsWith('{') ? Whole.safeParse(json(secret)) : Whole.safeParse(pair(secret));
  if (whole.success) {
    const { user, password, unsubscribeKey } = whole.data;
    return { user, password, unsubscribeKey };
  }
  throw refused(
    'login',
    'The secret of the mail server cannot be read.',
    'Set it to user:password, or to {"user":"…","password":"…","unsubscribeKey":"…"}.',
  );
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function pair(text: string): unknown {
  const colon = text.indexOf(':');
  return colon < 1 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/**
 * The address at which one reader leaves the list. Its token cannot be made up, so that nobody signs others off (RFC 8058, 3.1):
 * `base64url(address).base64url(HMAC-SHA256(key, address))`.
 * @param template https address with `{token}`
 */
export function unsubscribeUrl(template: string, key: string, address: string): string {
  const name = Buffer.from(address, 'utf8').toString('base64url');
  const mark = createHmac('sha256', key).update(address).digest('base64url');
  return template.replaceAll('{token}', () => `${name}.${mark}`);
}
