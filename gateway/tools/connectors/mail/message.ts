import MailComposer from 'nodemailer/lib/mail-composer';
import type { Connector as Declared } from '../../../catalogue/index.ts';
import type { Mailbox } from './address.ts';
import { refused } from './refused.ts';

export type Smtp = Extract<Declared, { kind: 'smtp' }>;

/** What a mail says; its addresses are elsewhere. */
export interface Letter {
  subject: string;
  text: string;
  attachments: { name: string; bytes: Buffer }[];
}

/**
 * Whether a text stays in its header: no control character, none of Unicode's ends of a line, and nothing that turns the
 * direction of what follows.
 * @throws GatehouseError `GH-TOOLS-072`
 */
export function headerText(what: string, text: string): string {
  if (!/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202A-\u202E\u2066-\u2069]/u.test(text)) return text;
  throw refused(
    'text',
    `The ${what} holds a line break or another character that cannot be seen.`,
    'Write it on one line.',
  );
}

/**
 * Draws a mail. Its Message-ID follows from the attempt, so that the same mail can be found, and told from another, whatever
 * happened on its way.
 * @param part which of the mails of its attempt it is
 * @param unsubscribe where its one reader leaves the list; undefined for mail of no list
 */
export async function drawn(
  { from, replyTo }: Smtp,
  to: readonly Mailbox[],
  letter: Letter,
  { attempt, part, unsubscribe }: { attempt: string; part: number; unsubscribe: string | undefined },
): Promise<{ id: string; bytes: Buffer }> {
  const id = messageId(attempt, part, from.address);
  const composer = new MailComposer({
    from: { name: from.name ?? '', address: from.address },
    to: to.map(({ address }) => ({ name: '', address })),
    ...(replyTo === undefined ? {} : { replyTo: { name: '', address: replyTo } }),
    subject: headerText('subject', letter.subject),
    text: letter.text,
    messageId: id,
    attachments: letter.attachments.map(({ name, bytes }) => ({
      filename: headerText('name of an attachment', name),
      content: bytes,
      contentType: 'application/octet-stream',
    })),
    headers: {
      // RFC 3834: no machine answers it.
      'Auto-Submitted': 'auto-generated',
      // RFC 8058, 3.1
      ...(unsubscribe === undefined
        ? {}
        : { 'List-Unsubscribe': `<${unsubscribe}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }),
    },
    // Neither a file nor a page can be named from within a mail.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const bytes = await composer.compile().build();
  return { id, bytes };
}

/** `<attempt.part@domain>` (RFC 5322, 3.6.4). */
export const messageId = (attempt: string, part: number, from: string): string =>
  `<${attempt.replace(/[^A-Za-z0-9_-]/g, '')}.${part}@${from.slice(from.lastIndexOf('@') + 1)}>`;
