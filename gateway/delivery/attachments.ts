import { setTimeout as sleep } from 'node:timers/promises';
import { attachmentFlaws, type AttachmentFlaw, type InboundAttachment } from '../channels/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { Pool, Queryable, Transaction } from '../db/index.ts';
import type { DeliveryDeps } from './types.ts';

/** What may be kept of one person at once, bytes. */
export const mostKept = 128 * 1024 * 1024;

/** How long a call waits for files that are on their way. */
const waitMs = 20_000;
const lookMs = 200;

/** A file that came with a message, without its bytes. */
export interface Attached {
  id: string;
  name: string;
  mime: string;
  bytes: number;
  /** Null until it was fetched. */
  sha256: string | null;
  /** Why it cannot be had; null where it can. */
  flaw: AttachmentFlaw | null;
  /** Whether it came with the message that is served. */
  ofThisMessage: boolean;
}

/** A file of which there are no bytes. */
export interface Unreadable {
  code: 'attachment_pending' | 'attachment_unavailable';
  text: string;
}

/** The files that came with messages. They are kept as long as the text of their message. */
export interface Attachments {
  /** @throws GatehouseError 413 `GH-DELIVERY-012` where more would be kept of this person than may be */
  makeSure(principal: string, added: readonly InboundAttachment[]): Promise<void>;
  /**
   * The bytes of files of the conversation and the person that a message is of, by their ids. Those that are being fetched are waited
   * for, for some seconds.
   * @returns what cannot be had says why; what is not theirs, not known or not kept any more is left out, and which of these it is, is not told
   */
  read(messageId: string, ids: readonly string[]): Promise<Map<string, Buffer | Unreadable>>;
}

/** Stores the files that came with messages, in the transaction that stores these: their bytes, or where those are. */
export function storeAttachments(
  tx: Transaction,
  messages: readonly {
    id: string;
    session: string;
    principal: string | null;
    attachments: readonly InboundAttachment[];
  }[],
): void {
  for (const { id, session, principal, attachments } of messages)
    for (const { id: file, name, mime, bytes, sha256, content, nativeId, source, flaw } of attachments)
      if ((content ?? source ?? flaw) !== undefined && principal !== null)
        tx.send({
          name: 'store-attachment',
          text: `insert into attachments (id, message_id, session_key, principal, name, mime, bytes, sha256, content, source, flaw, native_id, due_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, case when $10::jsonb is not null then now() end)`,
          values: [
            ...[file, id, session, principal, name ?? '', mime, bytes, sha256, content ?? null],
            ...[source ? JSON.stringify(source) : null, flaw ?? null, nativeId ?? null],
          ],
        });
}

/** A file of a message, as its envelope names it and as it is kept by now. */
export interface MessageFile {
  name: string | null;
  bytes: number;
  flaw: AttachmentFlaw | null;
  /** Whether its bytes are still to come. */
  pending: boolean;
}

/** SQL for the files of `messages m`: an array of {@link MessageFile}, null where there are none. */
export const filesOfMessage = `(select json_agg(json_build_object('name', f->>'name',
    'bytes', coalesce(a.bytes, (f->>'bytes')::int), 'flaw', a.flaw, 'pending', a.due_at is not null) order by place)
  from jsonb_array_elements(m.envelope #> '{data,attachments}') with ordinality as named (f, place)
  left join attachments a on a.message_id = m.id and a.id::text = f->>'id')`;

/** The latest files of a conversation, the newest first. */
export async function attachedIn(
  db: Queryable,
  { sessionKey, principal, messageId }: { sessionKey: string; principal: string | null; messageId: string },
): Promise<Attached[]> {
  const { rows } = await db.query<Attached>({
    name: 'attachments-of-session',
    text: `select id, name, mime, bytes, sha256, flaw, message_id = $3 as "ofThisMessage" from attachments
      where session_key = $1 and principal = $2 order by created_at desc, id limit 16`,
    values: [sessionKey, principal, messageId],
  });
  return rows;
}

/** @param pool the gateway's own database */
export function createAttachments(
  pool: Pool,
  { textRetentionHours }: Pick<DeliveryDeps['settings'], 'textRetentionHours'>,
): Attachments {
  return {
    async makeSure(principal, added) {
      if (added.length === 0) return;
      const size = added.reduce((sum, { bytes }) => sum + bytes, 0);
      if ((await keptOf(pool, principal)) + size <= mostKept) return;
      throw new GatehouseError(
        'GH-DELIVERY-012',
        'Too many of your files are kept already, so this was not taken.',
        {
          status: 413,
          field: 'files',
          next: `Files are deleted with their message, ${textRetentionHours} hours after it came. Until then, put what matters into the text.`,
        },
      );
    },
    async read(messageId, ids) {
      for (const until = Date.now() + waitMs; ; await sleep(lookMs)) {
        // No bytes are read before all of them are there.
        const { rows } = await pool.query<{
          id: string;
          content: Buffer | null;
          flaw: AttachmentFlaw | null;
          ready: boolean;
        }>({
          name: 'read-attachments',
          text: `select id, flaw, ready, case when ready then content end as content from (
              select a.id, a.content, a.flaw, bool_and(a.content is not null or a.flaw is not null) over () as ready
              from messages m join attachments a on a.session_key = m.session_key and a.principal = m.principal
              where m.id = $1 and a.id::text = any($2)) as asked`,
          values: [messageId, ids],
        });
        if (rows.every(({ ready }) => ready) || Date.now() >= until)
          return new Map(rows.map(({ id, content, flaw }) => [id, content ?? unreadable(flaw)]));
      }
    },
  };
}

/** What is kept of a person, bytes. */
export async function keptOf(db: Queryable, principal: string): Promise<number> {
  const { rows } = await db.query<{ kept: string }>(
    'select coalesce(sum(bytes), 0) as kept from attachments where principal = $1 and content is not null',
    [principal],
  );
  return Number(rows[0]?.kept ?? 0);
}

const unreadable = (flaw: AttachmentFlaw | null): Unreadable =>
  flaw === null
    ? { code: 'attachment_pending', text: 'The file is still being fetched. Try again in a minute.' }
    : { code: 'attachment_unavailable', text: `The file cannot be had: ${attachmentFlaws[flaw]}.` };
