import { GatehouseError } from '../config/index.ts';
import { digestOfText, uuidv7 } from '../envelope/index.ts';
import type { AttachmentFlaw, FileSource, InboundAttachment } from './adapter.ts';

/** What one message may bring: no more than one run in the sandbox takes. */
export const attachmentBounds = { files: 8, bytes: 4 * 1024 * 1024 } as const;

/** A file as it was uploaded. Nothing of it is believed. */
export interface OfferedFile {
  name: string;
  content: Uint8Array;
}

/** Text by its own measure; the others by the bytes that they begin with. */
const kinds: Record<string, { mime: string; begins: Buffer | 'text' }> = {
  csv: { mime: 'text/csv', begins: 'text' },
  json: { mime: 'application/json', begins: 'text' },
  md: { mime: 'text/markdown', begins: 'text' },
  tsv: { mime: 'text/tab-separated-values', begins: 'text' },
  txt: { mime: 'text/plain', begins: 'text' },
  pdf: { mime: 'application/pdf', begins: Buffer.from('%PDF-') },
  png: { mime: 'image/png', begins: Buffer.from('89504e470d0a1a0a', 'hex') },
  jpg: { mime: 'image/jpeg', begins: Buffer.from('ffd8ff', 'hex') },
  xlsx: {
    mime: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    begins: Buffer.from('504b0304', 'hex'),
  },
};

/** The endings of names that are taken, each with its dot. */
export const attachmentEndings = Object.keys(kinds).map((ending) => `.${ending}`);

/**
 * Looks at the files of one message. A name is taken only where it can lie in a work folder as it is; a type is what the ending
 * says and the bytes do not contradict.
 * @throws GatehouseError `GH-CHANNEL-010` too many, `-011` too large, `-012` empty, `-013` a name that is none, `-014` a type that
 * is not taken, or that the bytes do not have
 */
export function takeAttachments(files: readonly OfferedFile[]): InboundAttachment[] {
  const { files: most, bytes } = attachmentBounds;
  if (files.length > most)
    throw refusal(
      '010',
      `A message can have ${most} files; these are ${files.length}.`,
      'Send fewer at once.',
    );
  const size = files.reduce((sum, { content }) => sum + content.byteLength, 0);
  if (size > bytes) throw attachmentsTooLarge();
  const names = new Set<string>();
  return files.map(({ name: given, content }, index) => {
    const name = given.normalize('NFC');
    // Of a name that is refused for what is in it, nothing is repeated.
    const place = `File ${index + 1}`;
    if (!isPlainName(name))
      throw refusal(
        '013',
        `${place} has a name that cannot be used.`,
        'Give it a short name without slashes and control characters.',
      );
    if (names.has(name)) throw refusal('013', `Two files are called ${name}.`, 'Rename one of them.');
    names.add(name);
    if (content.byteLength === 0)
      throw refusal('012', `${name} is empty.`, 'Attach a file that holds something.');
    const kind = kindOf(name);
    if (!kind || !isOf(kind.begins, content))
      throw refusal(
        '014',
        kind ? `${name} is not what its name says.` : `Files like ${name} are not taken.`,
        `These are: ${attachmentEndings.join(' ')}; text has to be UTF-8.`,
      );
    const sha256 = digestOfText(content);
    const { mime } = kind;
    return {
      ...{ id: uuidv7(), name, mime, bytes: content.byteLength, sha256, ref: `blob:${sha256}` },
      content,
    };
  });
}

/** A file as its vendor names it; its bytes are fetched later. */
export interface ToldFile {
  /** What the vendor calls it; null where it does not say. */
  nativeId: string | null;
  name: string | null;
  mime: string | null;
  /** 0 where the vendor does not say. */
  bytes: number;
  /** Where it is, or why it is nowhere. */
  source: FileSource | AttachmentFlaw;
}

/**
 * The files of a message that a vendor told of. The message was sent already, so that a file that is not taken does not refuse it: it
 * says why it cannot be had. The same holds as for files that are uploaded here, first by what the vendor says of them.
 */
export function nameAttachments(files: readonly ToldFile[]): InboundAttachment[] {
  const names = new Set<string>();
  let taken = 0;
  let size = 0;
  const flawIn = (
    plain: boolean,
    kind: object | undefined,
    { bytes, source }: ToldFile,
  ): AttachmentFlaw | null => {
    if (!plain) return 'name';
    if (!kind) return 'type';
    if (typeof source === 'string') return source;
    if (taken === attachmentBounds.files) return 'too_many';
    if (size + bytes > attachmentBounds.bytes) return 'too_large';
    taken += 1;
    size += bytes;
    return null;
  };
  return files.map((file, index) => {
    const name = (file.name ?? '').normalize('NFC');
    const plain = isPlainName(name);
    const kind = plain ? kindOf(name) : undefined;
    const flaw = flawIn(plain, kind, file);
    // Vendors take several of one name, a work folder does not.
    const own = names.has(name) ? `${index + 1}-${name}` : name;
    names.add(name);
    return {
      id: uuidv7(),
      ...(plain && { name: own }),
      mime: kind?.mime ?? (file.mime || 'application/octet-stream'),
      ...{ bytes: file.bytes, sha256: null, ref: null },
      ...(file.nativeId !== null && { nativeId: file.nativeId }),
      ...(flaw === null ? { source: file.source as FileSource } : { flaw }),
    };
  });
}

/** @returns why a file that was fetched is not taken under its name; null where it is */
export function contentFlaw(name: string, content: Uint8Array): AttachmentFlaw | null {
  if (content.byteLength === 0) return 'empty';
  if (content.byteLength > attachmentBounds.bytes) return 'too_large';
  const kind = kindOf(name);
  return kind && isOf(kind.begins, content) ? null : 'type';
}

/** Why a file cannot be had, for its sender and for who works with it. */
export const attachmentFlaws: Record<AttachmentFlaw, string> = {
  too_many: `a message can have ${attachmentBounds.files} files`,
  too_large: `the files of a message can have ${attachmentBounds.bytes / 1024 / 1024} MB together`,
  empty: 'it is empty',
  name: 'its name cannot be used',
  type: `it is none of ${attachmentEndings.join(' ')}, or not what its name says`,
  elsewhere: 'it does not lie in this chat itself',
  gone: 'it was deleted there',
  refused: 'the chat does not let me read it, so tell an administrator',
  unreachable: 'it could not be fetched, although I tried several times',
  quota: 'too many of your files are kept already',
};

/** Files that are larger than a message may bring. */
export const attachmentsTooLarge = (): GatehouseError =>
  refusal(
    '011',
    `The files of a message can have ${attachmentBounds.bytes / 1024 / 1024} MB together.`,
    'Send less at once.',
    413,
  );

/** One segment of a path, of at most 100 bytes, that shows as what it is: no control characters, nothing that turns its direction. */
const isPlainName = (name: string): boolean =>
  name.isWellFormed() &&
  Buffer.byteLength(name) <= 100 &&
  !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}/\\]/u.test(name) &&
  /^[^.\s].*\S$/u.test(name);

function kindOf(name: string): (typeof kinds)[string] | undefined {
  const ending = (/\.([A-Za-z]+)$/.exec(name)?.[1] ?? '').toLowerCase().replace('jpeg', 'jpg');
  return Object.hasOwn(kinds, ending) ? kinds[ending] : undefined;
}

function isOf(begins: Buffer | 'text', content: Uint8Array): boolean {
  if (begins !== 'text') return begins.equals(content.subarray(0, begins.length));
  if (content.includes(0)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(content);
    return true;
  } catch {
    return false;
  }
}

const refusal = (number: string, text: string, next: string, status = 400): GatehouseError =>
  new GatehouseError(`GH-CHANNEL-${number}`, text, { status, field: 'files', next });
