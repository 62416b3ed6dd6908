import { tooLarge } from './content.ts';
import { refused } from './refused.ts';

/** What a call of a files tool says; its schema was checked before the decision. */
export interface FilesArgs {
  path?: string;
  folder?: string;
  content?: string;
  encoding?: 'utf8' | 'base64';
  replaces?: string;
  sha256?: string;
  version?: number;
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What a write would put into the file. @throws GatehouseError `GH-TOOLS-062`, `-064` */
export function contentOf({ content = '', encoding = 'utf8' }: FilesArgs, maxBytes: number): Buffer {
  if (encoding === 'base64' && !base64.test(content)) throw refused('name', 'The content is no Base64.');
  const bytes = Buffer.from(content, encoding);
  if (bytes.length > maxBytes) throw tooLarge('The content', maxBytes);
  return bytes;
}
