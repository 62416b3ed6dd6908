import { createHash } from 'node:crypto';
import type { Pool } from '../db/index.ts';
import { filesOfMessage, type MessageFile } from '../delivery/index.ts';
import { shownFiles, type ShownFile } from './files.ts';
import { safeUrl, type Status } from './format.ts';

/** The latest text of a card, as it was given to the outbox. */
export interface Reply {
  text: string;
  facts: { label: string; value: string }[];
  link: { label: string; url: string } | null;
  links: { label: string; url: string }[];
  at: Date;
}

/** One request and its answer, or one notice that nobody here asked for. */
export interface Entry {
  /** DOM id, the same at every rendering. */
  id: string;
  at: Date;
  text: string | null;
  /** Files that came with it. */
  files: readonly ShownFile[];
  asked: boolean;
  status: Status;
  reply: Reply | null;
}

interface Row {
  key: string;
  at: Date;
  asked: boolean;
  text: string | null;
  files: MessageFile[] | null;
  state: string | null;
  body: (Partial<Pick<Reply, 'text' | 'facts' | 'links'>> & { link?: Reply['link']; tone?: string }) | null;
  replied_at: Date | null;
}

/**
 * The latest entries of a person's web conversation, oldest first: each message with the newest body of its card,
 * and cards without a message of theirs (an approver's notices).
 */
export async function loadHistory(pool: Pool, principal: string, limit = 50): Promise<Entry[]> {
  const { rows } = await pool.query<Row>(
    `with asked as (
       select id, received_at, state, envelope #>> '{data,content,text}' as text,
         ${filesOfMessage} as files
       from messages m
       where channel = 'web' and principal = $1 and event in ('created', 'command', 'edited')
       order by seq desc limit $2
     ), told as (
       select coalesce(card, message_id, id) as key, body, created_at, seq
       from outbox where channel = 'web' and principal = $1
       order by seq desc limit $2 * 8
     ), latest as (
       select distinct on (key) key, body, created_at as replied_at, min(created_at) over (partition by key) as first_at
       from told order by key, seq desc
     )
     select coalesce(asked.id, latest.key) as key, coalesce(asked.received_at, latest.first_at) as at,
            asked.id is not null as asked, asked.text, asked.files, asked.state, latest.body, latest.replied_at
     from asked full join latest on latest.key = asked.id
     where asked.id is not null
        or not exists (select 1 from messages m where m.id = latest.key and m.principal = $1)
     order by at desc, key desc limit $2`,
    [principal, limit],
  );
  return rows.reverse().map(entryOf);
}

function entryOf(row: Row): Entry {
  const url = row.body?.link ? safeUrl(row.body.link.url) : null;
  return {
    id: `e-${createHash('sha256').update(row.key).digest('hex').slice(0, 16)}`,
    at: row.at,
    text: row.text,
    files: shownFiles(row.files),
    asked: row.asked,
    status: statusOfRow(row),
    reply:
      row.replied_at === null
        ? null
        : {
            text: row.body?.text ?? 'The text of this answer was deleted when its retention ended.',
            facts: row.body?.facts ?? [],
            link: row.body?.link && url ? { label: row.body.link.label, url } : null,
            links: (row.body?.links ?? []).flatMap(({ label, url: at }) => {
              const safe = safeUrl(at);
              return safe ? [{ label, url: safe }] : [];
            }),
            at: row.replied_at,
          },
  };
}

/** The card's tone says how a settled request ended; until then the message's own state is the truth. */
function statusOfRow({ asked, state, body }: Row): Status {
  const tone = body?.tone;
  if (tone === 'refused' || state === 'refused' || state === 'dead') return 'refused';
  if (isEnd(tone)) return tone;
  if (!asked) return tone === 'waiting' ? 'needs-you' : 'done';
  if (state === 'done' && tone === 'waiting') return 'planned';
  if (state === 'done' || state === 'handled' || tone === 'done') return 'done';
  if (state === 'waiting') return 'waiting';
  return state === 'running' ? 'deciding' : 'received';
}

/** Tones that say by themselves how it ended. */
const ends = ['failed', 'unknown', 'expired', 'cancelled', 'answered'] as const;
const isEnd = (tone: string | undefined): tone is (typeof ends)[number] =>
  (ends as readonly (string | undefined)[]).includes(tone);
