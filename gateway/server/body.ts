import type { RequestHandler } from 'express';
import { GatehouseError } from '../config/index.ts';

/**
 * Reads a body into `request.body`, as one Buffer of the bytes as they came; without a body it stays undefined. It is on
 * the way of every delivery and every call, and does in a few steps what a general parser does in many.
 * @param limit most bytes
 * @returns a handler that fails with GatehouseError 413 `GH-HTTP-413`, 415 `GH-HTTP-415` (compressed) or
 *   400 `GH-HTTP-400` (broken off)
 */
export function readBody(limit: number): RequestHandler {
  return (request, _response, next) => {
    const { headers } = request;
    const length = headers['content-length'];
    if (length === undefined && headers['transfer-encoding'] === undefined) return next();
    if ((headers['content-encoding'] ?? 'identity') !== 'identity') return next(compressed());
    if (length !== undefined && Number(length) > limit) return next(tooLarge());
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) finish(tooLarge());
      else chunks.push(chunk);
    };
    const finish = (error?: GatehouseError): void => {
      request.off('data', onData).off('end', onEnd).off('error', onError);
      // Without a listener the rest would stay unread, and the connection with it.
      if (error) request.resume();
      next(error);
    };
    const onEnd = (): void => {
      request.body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size);
      finish();
    };
    const onError = (): void =>
      finish(new GatehouseError('GH-HTTP-400', 'The body broke off.', { status: 400 }));
    request.on('data', onData).on('end', onEnd).on('error', onError);
  };
}

const tooLarge = (): GatehouseError =>
  new GatehouseError('GH-HTTP-413', 'The body is larger than this address takes.', { status: 413 });

/** RFC 9110 §15.5.16: also for a content coding that is not supported. */
const compressed = (): GatehouseError =>
  new GatehouseError('GH-HTTP-415', 'A compressed body is not taken.', {
    status: 415,
    next: 'Send it without Content-Encoding.',
  });
