import {
  LogLevel,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebClient,
  type Logger as SlackLogger,
} from '@slack/web-api';
import { GatehouseError, type Logger } from '../../config/index.ts';
import { busy, refused } from '../failures.ts';

/** Slack's own troubles, and those that an operator mends in the settings: the message is worth another try. */
const passing = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'ratelimited',
  'rate_limited',
  'invalid_auth',
  'not_authed',
  'token_expired',
  'token_revoked',
  'account_inactive',
  'missing_scope',
]);
const wrongToken = new Set([
  'invalid_auth',
  'not_authed',
  'token_expired',
  'token_revoked',
  'account_inactive',
  'not_allowed_token_type',
]);

/** A Web API client that leaves retries to the outbox. */
export function webClient(token: string, apiUrl: string, log: Logger): WebClient {
  return new WebClient(token, {
    slackApiUrl: apiUrl.endsWith('/') ? apiUrl : `${apiUrl}/`,
    logger: quietly(log),
    retryConfig: { retries: 0 },
    timeout: 10_000,
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
  });
}

/** Slack's libraries print payloads at lower levels: only warnings and errors go on. */
export function quietly(log: Logger): SlackLogger {
  const silent = (): void => undefined;
  const say = (...parts: unknown[]): void =>
    log.warn({ vendor: 'slack' }, parts.map(String).join(' ').slice(0, 300));
  return {
    debug: silent,
    info: silent,
    warn: say,
    error: say,
    setLevel: silent,
    getLevel: () => LogLevel.WARN,
    setName: silent,
  };
}

/** Slack's error code (`channel_not_found`), or undefined where Slack did not answer with one. */
export function slackCode(error: unknown): string | undefined {
  return error instanceof WebAPIPlatformError ? error.data.error : undefined;
}

/** Whether the token itself is what Slack objects to. */
export function isWrongToken(error: unknown): boolean {
  return wrongToken.has(slackCode(error) ?? '');
}

/** `GH-CHANNEL-005` where another try helps, else `GH-CHANNEL-006`. */
export function asFailure(error: unknown): GatehouseError {
  if (error instanceof GatehouseError) return error;
  if (error instanceof WebAPIRateLimitedError) return busy('Slack', error, error.retryAfter);
  const code = slackCode(error);
  if (code === undefined || passing.has(code)) return busy('Slack', error);
  return refused('Slack', code, error);
}
