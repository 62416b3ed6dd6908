import { timingSafeEqual } from 'node:crypto';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { GatehouseError } from '../config/index.ts';
import { FilesCheck } from './files.ts';
import { sealBytes, type RunOrder, type Seal } from './order.ts';

/**
 * Passes the body of an order on as it comes: files and stdin at once, into a container that nothing else will use; the code
 * only when the seal that follows it is that of all bytes and the files are as they should be, so that nothing else ever runs.
 * @param seal of the order, fed with nothing yet
 * @throws GatehouseError `GH-SANDBOX-015` for another body than was sealed, `-003` for code with a NUL byte, and what
 * `FilesCheck` throws
 */
export async function receive(
  body: Readable,
  { bytes }: Pick<RunOrder, 'bytes'>,
  seal: Seal,
  pass: (part: Buffer) => void,
): Promise<void> {
  const ahead = bytes.files + bytes.stdin;
  const end = ahead + bytes.code;
  const files = new FilesCheck();
  const tail = Buffer.allocUnsafe(bytes.code + sealBytes);
  let size = 0;
  let last: Buffer = Buffer.alloc(0);
  await eachOf(body, (chunk) => {
    const from = size;
    size += chunk.length;
    if (size > ahead + tail.length) throw changed();
    const early = chunk.subarray(0, Math.max(0, ahead - from));
    // The last piece waits, so that it goes in together with the code.
    if (size === ahead + tail.length) last = early;
    else if (early.length > 0) pass(early);
    if (from < end) seal.update(chunk.subarray(0, end - from));
    if (from < bytes.files) files.write(chunk.subarray(0, bytes.files - from));
    if (size > ahead) chunk.copy(tail, Math.max(0, from - ahead), early.length);
  });
  if (size < ahead + tail.length || !timingSafeEqual(seal.digest(), tail.subarray(bytes.code)))
    throw changed();
  const code = tail.subarray(0, bytes.code);
  if (code.includes(0)) {
    const field = 'code';
    throw new GatehouseError('GH-SANDBOX-003', 'The run is not usable: code holds a NUL byte', { field });
  }
  files.end();
  pass(Buffer.concat([last, code]));
}

/** Takes a stream as it comes, which costs less than to iterate over it. @throws its error, and what `take` throws first */
async function eachOf(stream: Readable, take: (chunk: Buffer) => void): Promise<void> {
  const { promise: refused, reject } = Promise.withResolvers<never>();
  stream.on('data', (chunk: Buffer) => {
    try {
      take(chunk);
    } catch (error) {
      reject(error);
    }
  });
  await Promise.race([finished(stream, { writable: false }), refused]);
}

function changed(): GatehouseError {
  return new GatehouseError('GH-SANDBOX-015', 'The body is not the one that the order came with.', {
    status: 403,
    next: 'Send files, stdin, code and seal as the gateway made them.',
  });
}
