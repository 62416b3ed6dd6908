import { attachmentFlaws, type AttachmentFlaw, type Outgoing } from '../channels/index.ts';
import type { FactorNews } from '../factors/index.ts';
import type { PendingPairing } from '../sessions/index.ts';

/** An account as a person knows it; the name is the sender's own word. */
const account = (sender: Pick<PendingPairing, 'channel' | 'display' | 'nativeId'>): string =>
  `the ${sender.channel} account ${sender.nativeId}, which calls itself “${sender.display}”`;

function factorText({ what, kind, label, votesFrom }: FactorNews): string {
  if (what === 'reset') {
    return 'An operator took all your second factors away. What you add now decides after 24 hours.';
  }
  const factor = `${kind === 'passkey' ? 'The passkey' : 'The authenticator app'} “${label ?? ''}”`;
  if (what === 'removed') return `${factor} was taken from your account.`;
  const from = votesFrom?.toISOString().slice(0, 16).replace('T', ' ') ?? '';
  return `${factor} was added to your account. It decides strict requests from ${from} UTC on.`;
}

/** What the gateway itself says to a sender, in one place. */
export const texts = {
  pair: (code: string): Outgoing => ({
    text: `I do not know you yet. Ask an administrator to confirm the pairing code ${code}, then write again.`,
    tone: 'waiting',
  }),
  linkAsked: (
    code: string,
    sender: Pick<PendingPairing, 'channel' | 'display' | 'nativeId'>,
    url: string,
  ): Outgoing => ({
    text: `Is ${account(sender)}, yours? An administrator says so. If you agree, it acts in your name. Agree only if you wrote from it just now.`,
    buttons: [
      { label: 'Yes, it is mine', value: `link:yes:${code}`, style: 'primary' },
      { label: 'No', value: `link:no:${code}`, style: 'danger' },
    ],
    link: { label: 'Read and answer', url },
    tone: 'waiting',
  }),
  linkAnswered: (linked: boolean): Outgoing =>
    linked
      ? { text: 'It was linked to you. It may vote on approvals in 24 hours.', tone: 'done' }
      : { text: 'It was not linked to you.', tone: 'cancelled' },
  linked: (channel: string): Outgoing => ({
    text: `A new ${channel} account was linked to you. It may vote on approvals in 24 hours. If it is not yours, tell an administrator now.`,
    tone: 'info',
  }),
  factorChanged: (news: FactorNews): Outgoing => ({
    text: `${factorText(news)} If you know nothing of it, tell an administrator now.`,
    tone: 'info',
  }),
  unknown: (): Outgoing => ({
    text: 'I do not know you, so I have not read your message. Write to me in a direct message to be paired.',
    tone: 'refused',
  }),
  later: (seconds: number): Outgoing => ({
    text: `You are faster than your limit allows. Your messages are queued; the next goes out in about ${seconds} s.`,
    tone: 'waiting',
  }),
  tooMany: (): Outgoing => ({
    text: 'Too many messages are waiting already, so I did not take this one. Try again in a few minutes.',
    tone: 'refused',
  }),
  unusable: (field: string): Outgoing => ({
    text: `I could not read that message (its ${field} is not usable). Please send it in another form.`,
    tone: 'refused',
  }),
  files: (missing: readonly { name?: string | undefined; flaw: AttachmentFlaw }[]): Outgoing => ({
    text: [
      missing.length === 1
        ? 'I do not have a file of yours.'
        : `I do not have ${missing.length} of your files.`,
      ...missing.map(
        ({ name, flaw }) => `${name === undefined ? 'A file' : `“${name}”`}: ${attachmentFlaws[flaw]}.`,
      ),
    ].join('\n'),
    tone: 'info',
  }),
  undeliverable: (): Outgoing => ({
    text: 'Your message could not be handled, although I tried several times. The operators can see why and can retry it.',
    tone: 'refused',
  }),
  clickFailed: (): Outgoing => ({
    text: 'That did not work. Please use the pages of approvals and runs instead.',
    tone: 'refused',
  }),
};
