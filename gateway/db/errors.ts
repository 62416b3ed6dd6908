/** Codes of a connection that was lost (class 08), and of a server that stops, starts or ends it (57P0x). */
const gone = /^(08|57P0)/;
/** The classes that Postgres has begin with one of these; the code of a socket, such as EPIPE, is no SQLSTATE. */
const state = /^[0-9FHPX][0-9A-Z]{4}$/;
const socket = /^E[A-Z]+$/;

/**
 * Whether an error says that the server went away or is not there yet: by its SQLSTATE, as an error of the socket, or what
 * the client says of a connection without a code.
 */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string') return /connect/i.test(error.message);
  return gone.test(code) || socket.test(code);
}

/** The SQLSTATE by which a server that stays there refused a statement; null for every other error. */
export function sqlState(error: unknown): string | null {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && state.test(code) && !gone.test(code) ? code : null;
}
