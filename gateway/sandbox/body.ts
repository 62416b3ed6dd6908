import { createHash } from 'node:crypto';
import { GatehouseError } from '../config/index.ts';
import { checkFiles } from './files.ts';
import type { RunOrder } from './order.ts';

/**
 * Passes the body of an order on as it comes: files and stdin at once, into a container that nothing else will use; the code
 * only when all of the body is as signed and the files are as they should be, so that nothing else ever runs.
 * @throws GatehouseError `GH-SANDBOX-015` for another body than was signed, `-003` for code with a NUL byte, and what
 * `checkFiles` throws
 */
export async function* receive(
  body: AsyncIterable<Buffer>,
  { bytes, sha256 }: RunOrder,
): AsyncGenerator<Buffer, void> {
  const hash = createHash('sha256');
  const chunks: Buffer[] = [];
  const ahead = bytes.files + bytes.stdin;
  let size = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    chunks.push(chunk);
    if (size < ahead) yield chunk.subarray(0, ahead - size);
    size += chunk.length;
    if (size > ahead + bytes.code) throw changed();
  }
  if (size < ahead + bytes.code || hash.digest('hex') !== sha256) throw changed();
  const all = Buffer.concat(chunks);
  const code = all.subarray(ahead);
  if (code.includes(0)) {
    const field = 'code';
    throw new GatehouseError('GH-SANDBOX-003', 'The run is not usable: code holds a NUL byte', { field });
  }
  await checkFiles(all.subarray(0, bytes.files));
  yield code;
}

function changed(): GatehouseError {
  return new GatehouseError('GH-SANDBOX-015', 'The body is not the one that the order names.', {
    status: 403,
    next: 'Send files, stdin and code as they were signed.',
  });
}
