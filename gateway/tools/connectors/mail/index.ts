import type { Names } from '../../../egress/index.ts';
import { GatehouseError } from '../../../config/index.ts';
import type { Connector, ConnectorCall, Outcome } from '../../types.ts';
import { readPinned, type FileFolders } from '../files/index.ts';
import type { Mailbox } from './address.ts';
import { loginOf, unsubscribeUrl } from './login.ts';
import { drawn, type Letter, type Smtp } from './message.ts';
import { lettersOf, recipientsOf, type MailArgs } from './recipients.ts';
import { refused } from './refused.ts';
import { signIn, type Session } from './server.ts';

export { createMailDryRun } from './dry-run.ts';

/** Bytes of files in all mails of one call, which are drawn at once. */
const mostDrawn = 100_000_000;

interface Post {
  to: Mailbox[];
  id: string;
  bytes: Buffer;
}

/**
 * Sends mail through an SMTP server. Everything is drawn before anything is sent. A mail is handed over once: where the
 * server was not heard after that, the outcome is unknown, whatever a second try would say.
 * @param names the resolver
 */
export function createMailConnector(folders: FileFolders, names?: Names): Connector {
  return {
    secretFor: (tool) => tool.secret,
    async run(call) {
      const { connector } = call.tool;
      if (connector.kind !== 'smtp' || call.secret === undefined)
        throw new GatehouseError('GH-TOOLS-001', 'The tool names no login of a mail server.');
      const login = loginOf(call.secret);
      const posts = await drawAll(folders, connector, call, login.unsubscribeKey);
      const session = await signIn(connector, login, call.signal, names);
      try {
        return await sendAll(session, connector, posts);
      } finally {
        session.close();
      }
    },
  };
}

async function drawAll(
  folders: FileFolders,
  connector: Smtp,
  { args: given, attempt }: ConnectorCall,
  unsubscribeKey: string | undefined,
): Promise<Post[]> {
  const args = given as unknown as MailArgs;
  const recipients = recipientsOf(connector, args);
  const { unsubscribe } = connector;
  if (unsubscribe !== undefined && unsubscribeKey === undefined)
    throw refused(
      'login',
      'The secret of the mail server has no unsubscribeKey.',
      'Set it as JSON with user, password and unsubscribeKey.',
    );
  const attachments: Letter['attachments'] = [];
  let free = connector.maxAttachmentBytes;
  for (const file of args.attachments ?? []) {
    const bytes = await readPinned(folders, connector.root, file, free);
    free -= bytes.length;
    attachments.push({ name: file.path.split('/').at(-1) ?? file.path, bytes });
  }
  const readers = lettersOf(connector, recipients);
  if ((connector.maxAttachmentBytes - free) * readers.length > mostDrawn)
    throw refused(
      'attachments',
      'Its files, once for each reader, are too large.',
      'Put them where readers can fetch them.',
    );
  const letter = { subject: args.subject, text: args.text, attachments };
  return Promise.all(
    readers.map(async (to, part) => {
      const leave =
        unsubscribe === undefined
          ? undefined
          : unsubscribeUrl(unsubscribe, unsubscribeKey ?? '', to[0]?.address ?? '');
      return { to, ...(await drawn(connector, to, letter, { attempt, part, unsubscribe: leave })) };
    }),
  );
}

async function sendAll(session: Session, { from }: Smtp, posts: readonly Post[]): Promise<Outcome> {
  const accepted: string[] = [];
  const rejected: string[] = [];
  const messageIds: string[] = [];
  for (const { to, id, bytes } of posts) {
    const addresses = to.map(({ address }) => address);
    const sent = await session.send({ from: from.address, to: addresses, bytes });
    if (sent.state === 'unknown') return unknown(id, addresses, { accepted, rejected, messageIds });
    const gone = sent.state === 'accepted' ? sent.refused : addresses;
    accepted.push(...addresses.filter((address) => !gone.includes(address)));
    rejected.push(...addresses.filter((address) => gone.includes(address)));
    if (sent.state === 'accepted') messageIds.push(id);
    // The server ends the session by it; what was not begun is not sent.
  }
  const result = {
    accepted,
    rejected,
    messageIds,
    sent: accepted.length,
    summary: summary(accepted, rejected),
  };
  if (accepted.length > 0) return { status: 'succeeded', result };
  const text = 'The mail server takes it for none of the recipients. Nothing was sent.';
  return { status: 'failed', reasons: [{ code: 'mail_refused', text }], result };
}

function summary(accepted: readonly string[], rejected: readonly string[]): string {
  const all = accepted.length + rejected.length;
  if (rejected.length === 0) return all === 1 ? `Mailed ${accepted[0]}.` : `Mailed all ${all} recipients.`;
  const first = rejected.slice(0, 10).join(', ');
  return `Mailed ${accepted.length} of ${all} recipients. Refused: ${first}${rejected.length > 10 ? ' and more' : ''}.`;
}

function unknown(
  id: string,
  to: readonly string[],
  so: { accepted: string[]; rejected: string[]; messageIds: string[] },
): Outcome {
  const before =
    so.accepted.length > 0
      ? ` ${so.accepted.length} recipients before it have theirs; those after it have none.`
      : '';
  const text = `The mail ${id} was handed over and the server stopped answering, so it may have been sent. Look for it in the server's log before sending again.${before}`;
  return {
    status: 'unknown',
    reasons: [{ code: 'outcome_unknown', text }],
    result: { ...so, uncertain: to },
  };
}
