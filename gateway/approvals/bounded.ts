/**
 * Reads an answer of n8n up to a limit, so that one without an end costs no memory.
 * @returns its bytes, or null for more than `limit`; the rest is not taken
 */
export async function readBounded(response: Response, limit: number): Promise<Buffer<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    // Leaving the loop cancels the body.
    if (size > limit) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
