import express, { type Request, type Response } from 'express';
import { attachmentsTooLarge, type OfferedFile } from '../channels/index.ts';
import { GatehouseError } from '../config/index.ts';

/** Of all that is not a file: the text, three bytes a character, the token, and what marks the parts. */
const besideFiles = 128 * 1024;

/**
 * Reads a form that may bring files: its texts into `request.body`. A form without files, which was parsed before, stays as it is.
 * Call it for people who are signed in; nobody else has us keep this much in memory.
 * @param most bytes of the files together
 * @returns the files that were chosen
 * @throws GatehouseError 413 `GH-CHANNEL-011`, 400 `GH-WEB-080` for what is no form
 */
export async function readUpload(request: Request, response: Response, most: number): Promise<OfferedFile[]> {
  if (!request.is('multipart/form-data')) return [];
  const read = express.raw({ type: 'multipart/form-data', limit: most + besideFiles });
  await new Promise<void>((resolve, reject) => {
    read(request, response, (error?: unknown) => {
      if (error === undefined) resolve();
      else reject((error as { status?: number }).status === 413 ? attachmentsTooLarge() : noForm(error));
    });
  });
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const headers = { 'content-type': request.get('content-type') ?? '' };
  const form = await new globalThis.Response(body, { headers }).formData().catch((error: unknown) => {
    throw noForm(error);
  });
  request.body = Object.fromEntries([...form].filter(([, value]) => typeof value === 'string'));
  // Browsers send a field of files that is empty as one file without name and bytes.
  const chosen = form
    .getAll('files')
    .filter((part) => typeof part !== 'string')
    .filter(({ name, size }) => name !== '' || size > 0);
  return Promise.all(
    chosen.map(async (file) => ({ name: file.name, content: Buffer.from(await file.arrayBuffer()) })),
  );
}

const noForm = (cause: unknown): GatehouseError =>
  new GatehouseError('GH-WEB-080', 'The message did not arrive whole, so it was not taken.', {
    status: 400,
    next: 'Send it again.',
    cause,
  });
