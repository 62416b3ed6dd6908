import type { InboundAttachment } from '../channels/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { Pool, Queryable, Transaction } from '../db/index.ts';
import type { DeliveryDeps } from './types.ts';

/** What may be kept of one person at once, bytes. */
const mostKept = 128 * 1024 * 1024;

/** A file that came with a message, without its bytes. */
export interface Attached {
  id: string;
  name: string;
  mime: string;
  bytes: number;
  sha256: string;
  /** Whether it came with the message that is served. */
  ofThisMessage: boolean;
}

/** The files that came with messages. They are kept as long as the text of their message. */
export interface Attachments {
  /** @throws GatehouseError 413 `GH-DELIVERY-012` where more would be kept of this person than may be */
  makeSure(principal: string, added: readonly InboundAttachment[]): Promise<void>;
  /**
   * The bytes of files of the conversation and the person that a message is of, by their ids.
   * @returns what is not theirs, not known or not kept any more is left out, and which of these it is, is not told
   */
  read(messageId: string, ids: readonly string[]): Promise<Map<string, Buffer>>;
}

/** Stores the bytes that came with messages, in the transaction that stores these. */
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
    for (const { id: file, name, mime, bytes, sha256, content } of attachments)
      if (content !== undefined && principal !== null)
        tx.send({
          name: 'store-attachment',
          text: `insert into attachments (id, message_id, session_key, principal, name, mime, bytes, sha256, content)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
          values: [file, id, session, principal, name, mime, bytes, sha256, content],
        });
}

/** The latest files of a conversation, the newest first. */
export async function attachedIn(
  db: Queryable,
  { sessionKey, principal, messageId }: { sessionKey: string; principal: string | null; messageId: string },
): Promise<Attached[]> {
  const { rows } = await db.query<Attached>({
    name: 'attachments-of-session',
    text: `select id, name, mime, bytes, sha256, message_id = $3 as "ofThisMessage" from attachments
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
      const { rows } = await pool.query<{ kept: string }>(
        'select coalesce(sum(bytes), 0) as kept from attachments where principal = $1',
        [principal],
      );
      const size = added.reduce((sum, { bytes }) => sum + bytes, 0);
      if (Number(rows[0]?.kept ?? 0) + size <= mostKept) return;
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
      const { rows } = await pool.query<{ id: string; content: Buffer }>({
        name: 'read-attachments',
        text: `select a.id, a.content from messages m
          join attachments a on a.session_key = m.session_key and a.principal = m.principal
          where m.id = $1 and a.id::text = any($2)`,
        values: [messageId, ids],
      });
      return new Map(rows.map(({ id, content }) => [id, content]));
    },
  };
}
