import { timingSafeEqual, type Hmac } from 'node:crypto';
import { GatehouseError } from '../config/index.ts';
import { checkFiles } from './files.ts';
import { sealBytes, type RunOrder } from './order.ts';

/**
 * Passes the body of an order on as it comes: files and stdin at once, into a container that nothing else will use; the code
 * only when the seal that follows it is that of all bytes and the files are as they should be, so that nothing else ever runs.
 * @param seal of the order, fed with nothing yet
 * @throws GatehouseError `GH-SANDBOX-015` for another body than was sealed, `-003` for code with a NUL byte, and what
 * `checkFiles` throws
 */
export async function* receive(
  body: AsyncIterable<Buffer>,
  { bytes }: Pick<RunOrder, 'bytes'>,
  seal: Hmac,
): AsyncGenerator<Buffer, void> {
  const ahead = bytes.files + bytes.stdin;
  const end = ahead + bytes.code;
  const all = Buffer.allocUnsafe(end + sealBytes);
  let [size, passed] = [0, 0];
  for await (const chunk of body) {
    if (size + chunk.length > all.length) throw changed();
    // The last piece waits, so that it goes in together with the code.
    if (size > passed && passed < ahead) {
      yield all.subarray(passed, Math.min(size, ahead));
      passed = Math.min(size, ahead);
    }
    all.set(chunk, size);
    if (size < end) seal.update(chunk.subarray(0, end - size));
    size += chunk.length;
  }
  if (size < all.length || !timingSafeEqual(seal.digest(), all.subarray(end))) throw changed();
  if (all.subarray(ahead, end).includes(0)) {
    const field = 'code';
    throw new GatehouseError('GH-SANDBOX-003', 'The run is not usable: code holds a NUL byte', { field });
  }
  await checkFiles(all.subarray(0, bytes.files));
  yield all.subarray(passed, end);
}

function changed(): GatehouseError {
  return new GatehouseError('GH-SANDBOX-015', 'The body is not the one that the order came with.', {
    status: 403,
    next: 'Send files, stdin, code and seal as the gateway made them.',
  });
}
