import type { ErrorRequestHandler, RequestHandler } from 'express';
import { GatehouseError, toProblem, type Logger, type Problem } from '../config/index.ts';

/**
 * SQLSTATEs that say "not now": connection lost, shutting down, disk full or too many clients, a server that cannot
 * read or write its files, a conflict with another transaction, a standby that was not promoted yet.
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const outage = /^(08|57P|53|58|40|25006$)/;
const network = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND']);

/** Tells whether `error` is the database (or the way to it) being away, as opposed to a mistake of ours. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && (outage.test(code) || network.has(code))) return true;
  // A connection that was lost between two statements says so at the next one.
  return /^Connection terminated|timeout exceeded when trying to connect|is not queryable$/.test(
    error.message,
  );
}

function asGatehouseError(error: unknown): GatehouseError | undefined {
  if (error instanceof GatehouseError) return error;
  if (isOutage(error)) {
    return new GatehouseError('GH-STORE-001', 'The database cannot be reached or cannot write.', {
      status: 503,
      next: 'Nothing of this call was stored. Try again after the time in Retry-After.',
      retryAfter: 5,
      cause: error,
    });
  }
  // The body parsers of Express throw errors with these two properties.
  const { type, status } = (error ?? {}) as { type?: string; status?: number };
  if (type === 'entity.too.large') {
    return new GatehouseError('GH-HTTP-413', 'The body is larger than this address takes.', { status: 413 });
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return new GatehouseError(`GH-HTTP-${status}`, 'The request cannot be read.', { status });
  }
  return undefined;
}

/** Problem details of whatever was thrown, for whoever shows them in another form. */
export function problemOf(error: unknown): Problem {
  return toProblem(asGatehouseError(error) ?? error);
}

/** The one place where an error becomes an answer: RFC 9457 problem details, never a stack or an echo. */
export function problemHandler(log: Logger): ErrorRequestHandler {
  return (error, request, response, next) => {
    const problem = problemOf(error);
    if (problem.status >= 500)
      log.error({ err: error as Error, code: problem.code, path: request.path }, 'request failed');
    if (response.headersSent) {
      next(error);
      return;
    }
    if (problem.retryAfter !== undefined) response.set('Retry-After', String(problem.retryAfter));
    response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
  };
}

/** Answers what no route took. */
export const notFound: RequestHandler = (request) => {
  throw new GatehouseError('GH-HTTP-404', `There is nothing at ${request.method} ${request.path}.`, {
    status: 404,
  });
};
