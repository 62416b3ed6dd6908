import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Keys whose values never reach a log line, wherever they stand. */
const secretKeys = [
  'authorization',
  'cookie',
  'token',
  'secret',
  'password',
  'signature',
  'args',
  'text',
  'body',
];

/**
 * The process's logger: JSON lines on stdout, secrets and message text redacted.
 * @param level pino level
 * @param name the part that speaks
 */
export function createLogger(level: string, name = 'gateway'): Logger {
  return pino({
    name,
    level,
    redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[redacted]' },
  });
}
