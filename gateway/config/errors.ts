/**
 * The one error class of the gateway. Everything that reaches a person or a client is one of these; anything
 * else is a bug and is answered as `GH-INTERNAL-001` without its message.
 */
export class GatehouseError extends Error {
  /** Stable id, for example `GH-POLICY-003`; documented, never reused. */
  readonly code: string;
  /** HTTP status that the API answers with. */
  readonly status: number;
  /** What the reader should do next, one sentence. */
  readonly next: string | undefined;
  /** The field at fault, as a JSON pointer or dotted path, where one is. */
  readonly field: string | undefined;
  /** Seconds for `Retry-After`, where trying again helps. */
  readonly retryAfter: number | undefined;

  constructor(
    code: string,
    message: string,
    options: { status?: number; next?: string; field?: string; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatehouseError';
    this.code = code;
    this.status = options.status ?? 400;
    this.next = options.next;
    this.field = options.field;
    this.retryAfter = options.retryAfter;
  }
}

/** RFC 9457 problem details with our `code`, `next`, `field` and `retryAfter` extensions. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  next?: string;
  field?: string;
  /** Seconds; the same as the header `Retry-After` of the answer. */
  retryAfter?: number;
}

/**
 * Turns any thrown value into problem details.
 * @param error whatever was thrown; unknown values become a 500 that says nothing of their content
 * @returns the body to send; its `status` is the HTTP status
 */
export function toProblem(error: unknown): Problem {
  const known =
    error instanceof GatehouseError
      ? error
      : new GatehouseError('GH-INTERNAL-001', 'The gateway met an error that it does not know.', {
          status: 500,
          next: 'Read the gateway log at this time; it holds the cause.',
        });
  return {
    type: `urn:gatehouse:problem:${known.code}`,
    title: known.message.split('. ')[0] ?? known.message,
    status: known.status,
    code: known.code,
    detail: known.message,
    ...(known.next === undefined ? {} : { next: known.next }),
    ...(known.field === undefined ? {} : { field: known.field }),
    ...(known.retryAfter === undefined ? {} : { retryAfter: known.retryAfter }),
  };
}
