import { GatehouseError } from '../config/index.ts';

/** Each way in which a second factor is refused, with its stable code. */
export const refusals = {
  challenge: () =>
    new GatehouseError(
      'GH-FACTOR-001',
      'This answer of a passkey was used before, came too late, or is about something else, so nothing was done.',
      { status: 403, next: 'Start again on the page; each answer works once, for two minutes.' },
    ),
  passkey: (cause?: unknown) =>
    new GatehouseError('GH-FACTOR-002', 'The passkey’s answer does not hold, so nothing was done.', {
      status: 403,
      next: 'Try again with a passkey that your security page lists.',
      cause,
    }),
  code: () =>
    new GatehouseError('GH-FACTOR-003', 'The code is wrong or was used before, so nothing was done.', {
      status: 403,
      field: 'code',
      next: 'Wait for the next code of your app, then type that.',
    }),
  tooMany: (seconds: number) =>
    new GatehouseError('GH-FACTOR-004', 'Too many codes were tried, so this one was not looked at.', {
      status: 429,
      retryAfter: seconds,
      next: `Try again in ${Math.ceil(seconds / 60)} minutes, or use a passkey.`,
    }),
  tooNew: (votesFrom: Date) =>
    new GatehouseError(
      'GH-FACTOR-005',
      `This factor was added lately and decides from ${votesFrom.toISOString().slice(0, 16).replace('T', ' ')} UTC on.`,
      { status: 403, next: 'Use a factor that you had before.' },
    ),
  none: (what: string) =>
    new GatehouseError('GH-FACTOR-006', `There is no ${what} that could prove this.`, {
      status: 409,
      next: 'Your security page says what you have, and how to add more.',
    }),
  signInAgain: () =>
    new GatehouseError('GH-FACTOR-007', 'This needs a sign-in of the last ten minutes.', {
      status: 403,
      next: 'Open a new sign-in link, then come back.',
    }),
  proveFirst: () =>
    new GatehouseError('GH-FACTOR-008', 'This needs a factor that you have, so nothing was changed.', {
      status: 403,
      next: 'Prove one on this page first; it holds for ten minutes.',
    }),
  taken: () =>
    new GatehouseError('GH-FACTOR-009', 'This authenticator holds a passkey of this Gatehouse already.', {
      status: 409,
      next: 'One authenticator belongs to one person. Use another one.',
    }),
  unknown: () =>
    new GatehouseError('GH-FACTOR-010', 'There is no such factor, or it was set up too long ago.', {
      status: 404,
      next: 'Read the security page again.',
    }),
} as const;
