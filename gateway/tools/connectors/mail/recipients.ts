import { mailboxOf, type Mailbox } from './address.ts';
import type { Smtp } from './message.ts';
import { refused } from './refused.ts';

/** What a call of a mail tool says; its schema was checked before the decision. */
export interface MailArgs {
  to: string[];
  subject: string;
  text: string;
  attachments?: { path: string; sha256: string }[];
}

/**
 * The recipients of a call, each once.
 * @throws GatehouseError `GH-TOOLS-070`, `GH-TOOLS-071` where they are too many, or not where the tool may send to
 */
export function recipientsOf({ maxRecipients, domains }: Smtp, { to }: MailArgs): Mailbox[] {
  const found = new Map(to.map(mailboxOf).map((mailbox) => [mailbox.address.toLowerCase(), mailbox]));
  const recipients = [...found.values()];
  if (recipients.length === 0) throw refused('recipients', 'It goes to nobody.', 'Name a recipient.');
  if (recipients.length > maxRecipients)
    throw refused(
      'recipients',
      `It goes to ${recipients.length} recipients, and this tool sends to ${maxRecipients} at most.`,
    );
  const outside = domains && recipients.find(({ domain }) => !domains.includes(domain));
  if (outside)
    throw refused(
      'recipients',
      `This tool does not send to ${outside.domain}.`,
      `It sends to ${domains.join(', ')}.`,
    );
  return recipients;
}

/** Who reads which mail: everybody the same one, and of a list each their own. */
export const lettersOf = ({ unsubscribe }: Smtp, recipients: Mailbox[]): Mailbox[][] =>
  unsubscribe === undefined ? [recipients] : recipients.map((one) => [one]);
