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

/** A file before anything of it is believed. */
interface Unchecked {
  name: string | null;
  bytes: number;
  /** Where they are here already. */
  content?: Uint8Array;
  /** What is known to be wrong with it. */
  flaw?: AttachmentFlaw;
}

/**
 * Holds the files of one message to what it may bring, one after the other; what is not taken takes no room. A name is taken only where
 * it can lie in a work folder as it is; a type is what the ending says and the bytes do not contradict.
 * @returns for each file its name, its kind, why it is not taken, and whether an earlier one has its name
 */
function createCheck(): (file: Unchecked) => {
  name: string | undefined;
  kind: (typeof kinds)[string] | undefined;
  flaw: AttachmentFlaw | null;
  repeated: boolean;
} {
  const names = new Set<string>();
  let taken = 0;
  let size = 0;
  return ({ name: given, bytes, content, flaw: known }) => {
    const name = (given ?? '').normalize('NFC');
    if (!isPlainName(name)) return { name: undefined, kind: undefined, flaw: 'name', repeated: false };
    const kind = kindOf(name);
    const repeated = names.has(name);
    names.add(name);
    const flawOf = (): AttachmentFlaw | null => {
      if (!kind) return 'type';
      if (known) return known;
      if (taken === attachmentBounds.files) return 'too_many';
      if (size + bytes > attachmentBounds.bytes) return 'too_large';
      return content ? contentFlaw(name, content) : null;
    };
    const flaw = flawOf();
    if (flaw === null) {
      taken += 1;
      size += bytes;
    }
    return { name, kind, flaw, repeated };
  };
}

/**
 * Takes the files of one message that were uploaded, all of them or none.
 * @throws GatehouseError `GH-CHANNEL-010` too many, `-011` too large, `-012` empty, `-013` a name that is none or stands there twice,
 * `-014` a type that is not taken, or that the bytes do not have
 */
export function takeAttachments(files: readonly OfferedFile[]): InboundAttachment[] {
  const check = createCheck();
  return files.map(({ name: given, content }, index) => {
    const { name, kind, flaw, repeated } = check({ name: given, bytes: content.byteLength, content });
    if (repeated) throw refusal('013', `Two files are called ${name}.`, 'Rename one of them.');
    // Of a name that is refused for what is in it, nothing is repeated.
    if (flaw !== null || !kind)
      throw notTaken(flaw, name ?? `File ${index + 1}`, kind !== undefined, files.length);
    const sha256 = digestOfText(content);
    const { mime } = kind;
    return {
      ...{ id: uuidv7(), name, mime, bytes: content.byteLength, sha256, ref: `blob:${sha256}` },
      content,
    };
  });
}

/** @param isKnown whether files of its ending are taken @param all how many files the message has */
function notTaken(flaw: AttachmentFlaw | null, name: string, isKnown: boolean, all: number): GatehouseError {
  if (flaw === 'too_many')
    return refusal(
      '010',
      `A message can have ${attachmentBounds.files} files; these are ${all}.`,
      'Send fewer at once.',
    );
  if (flaw === 'too_large') return attachmentsTooLarge();
  if (flaw === 'empty') return refusal('012', `${name} is empty.`, 'Attach a file that holds something.');
  if (flaw === 'name')
    return refusal(
      '013',
      `${name} has a name that cannot be used.`,
      'Give it a short name without slashes and control characters.',
    );
  return refusal(
    '014',
    isKnown ? `${name} is not what its name says.` : `Files like ${name} are not taken.`,
    `These are: ${attachmentEndings.join(' ')}; text has to be UTF-8.`,
  );
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
  const check = createCheck();
  return files.map(({ nativeId, name: given, mime, bytes, source }, index) => {
    const known = typeof source === 'string' ? { flaw: source } : {};
    const { name, kind, flaw, repeated } = check({ name: given, bytes, ...known });
    return {
      id: uuidv7(),
      // Vendors take several of one name, a work folder does not.
      ...(name !== undefined && { name: repeated ? `${index + 1}-${name}` : name }),
      mime: kind?.mime ?? (mime || 'application/octet-stream'),
      ...{ bytes, sha256: null, ref: null },
      ...(nativeId !== null && { nativeId }),
      ...(flaw === null ? { source: source as FileSource } : { flaw }),
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
