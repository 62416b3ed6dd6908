import { Secret, TOTP } from 'otpauth';

/** What authenticator apps understand without being told (RFC 6238 with the defaults of RFC 4226). */
const form = { algorithm: 'SHA1', digits: 6, period: 30 } as const;

/** @returns a fresh secret in base32, 160 bits as RFC 4226 §4 asks for */
export function newSecret(): string {
  return new Secret({ size: 20 }).base32;
}

/** @returns the `otpauth://` address that apps read from a QR code */
export function codeUri(secret: string, issuer: string, account: string): string {
  return new TOTP({ ...form, issuer, label: account, secret: Secret.fromBase32(secret) }).toString();
}

/**
 * Which time step a code belongs to: the present one or a neighbour, for clocks that differ. All are compared in
 * constant time.
 * @param now milliseconds
 * @returns null where it belongs to none of them
 */
export function stepOf(secret: string, code: string, now: number): number | null {
  const token = code.replace(/\s/g, '');
  if (!/^\d{6}$/.test(token)) return null;
  const totp = new TOTP({ ...form, secret: Secret.fromBase32(secret) });
  const offset = totp.validate({ token, timestamp: now, window: 1 });
  return offset === null ? null : totp.counter({ timestamp: now }) + offset;
}
