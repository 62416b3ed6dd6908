import { pino, type DestinationStream, type Logger } from 'pino';

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
 * @param to where the lines go; stdout when absent
 */
export function createLogger(level: string, name = 'gateway', to?: DestinationStream): Logger {
  const options = {
    name,
    level,
    serializers: { err: errorForLog },
    redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[redacted]' },
  };
  return to ? pino(options, to) : pino(options);
}

/** What a log says of an error. */
interface LoggedError {
  type: string;
  message: string;
  code?: string;
  table?: string;
  constraint?: string;
  stack?: string;
  cause?: LoggedError | string;
}

/**
 * Errors of libraries carry the call that failed, and Postgres quotes the row at fault; both hold what people wrote.
 * So only what is known to be ours or harmless is kept.
 */
function errorForLog(error: unknown, depth = 0): LoggedError | string {
  if (!(error instanceof Error)) return typeof error;
  const { code, severity, table, constraint } = error as unknown as Record<string, unknown>;
  const kept = { code, ...(severity === undefined ? {} : { table, constraint }) };
  const known = Object.entries(kept).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const message = quotes(error) ? `[withheld: ${error.name}]` : error.message;
  return {
    type: error.name,
    message,
    ...Object.fromEntries(known),
    stack: frames(error),
    ...(error.cause === undefined || depth > 3 ? {} : { cause: errorForLog(error.cause, depth + 1) }),
  };
}

/** SQLSTATE classes 22 and 23 and JSON's syntax errors say what they could not read. */
function quotes(error: Error): boolean {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  if (severity !== undefined && typeof code === 'string') return /^2[23]/.test(code);
  return error instanceof SyntaxError;
}

/** The stack without its first lines, which repeat the message. */
function frames(error: Error): string {
  const lines = (error.stack ?? '').split('\n').map((line) => line.trim());
  return lines.filter((line) => line.startsWith('at ')).join('\n');
}
