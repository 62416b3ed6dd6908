import { attachmentFlaws } from '../channels/index.ts';
import type { MessageFile } from '../delivery/index.ts';

/** A file as pages show it. */
export interface ShownFile {
  name: string;
  /** 0 where nobody said. */
  bytes: number;
  /** Why it is not there (yet); null where it is. */
  note: string | null;
}

/** Files of a message, each with what became of it. */
export const shownFiles = (files: readonly MessageFile[] | null): ShownFile[] =>
  (files ?? []).map(({ name, bytes, flaw, pending }) => ({
    name: name ?? 'A file without a name that can be used',
    bytes,
    note: flaw ? `cannot be had: ${attachmentFlaws[flaw]}` : pending ? 'is being fetched' : null,
  }));
