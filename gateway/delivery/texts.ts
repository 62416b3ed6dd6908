import type { Outgoing } from '../channels/index.ts';

/** What the gateway itself says to a sender, in one place. */
export const texts = {
  pair: (code: string): Outgoing => ({
    text: `I do not know you yet. Ask an administrator to confirm the pairing code ${code}, then write again.`,
    tone: 'waiting',
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
  undeliverable: (): Outgoing => ({
    text: 'Your message could not be handled, although I tried several times. The operators can see why and can retry it.',
    tone: 'refused',
  }),
  clickFailed: (): Outgoing => ({
    text: 'That button did not work. Please use the approvals page instead.',
    tone: 'refused',
  }),
};
