import type { Outgoing } from '../channels/index.ts';
import { digestOfText } from '../envelope/index.ts';
import { moment, visible } from './card.ts';
import { endedAs } from './refusals.ts';
import type { Card } from './types.ts';

const places: Record<string, string> = {
  web: 'on the approvals page',
  'n8n-form': 'on the form',
  terminal: 'in the terminal',
  slack: 'in Slack',
  telegram: 'in Telegram',
};

/** Where somebody voted, in words. */
export const placeOf = (channel: string): string => places[channel] ?? `over ${visible(channel)}`;

/** Hex digits of the binding that a button carries; Telegram leaves 64 bytes for all of a button's value. */
const shownDigits = 8;
const longest = 300;

/** What a button of an approval carries: verdict, approval and the start of the binding that was shown. */
export function buttonValue(verdict: 'approve' | 'reject', card: Pick<Card, 'id' | 'binding'>): string {
  return `${verdict}:${card.id}:${card.binding.slice('sha256:'.length, 'sha256:'.length + shownDigits)}`;
}

/**
 * The request as each approver gets it.
 * @param page the request's own page, where it can be changed and asked about
 * @param later whether they are asked because those before them did not decide
 */
export function askingNotice(
  card: Card,
  viewer: string,
  link: { label: string; url: string },
  page: string,
  later = false,
): Outgoing {
  const others = card.approvers
    .filter((person) => person.principal !== viewer)
    .map((person) => person.display);
  return {
    text: [
      `${card.sentence}.`,
      editText(card),
      whyText(card),
      later ? 'It was not decided so far, so you are asked too.' : '',
      card.preview,
      provenanceText(card),
      quotedText(card),
      questionsText(card),
      `Decide by ${moment(card.deadline)}.${others.length > 0 ? ` Also asked: ${others.join(', ')}.` : ''}${needText(card)}`,
    ]
      .filter((line) => line !== '')
      .join('\n'),
    facts: card.facts.map(({ label, value }) => ({ label, value: shorten(value) })),
    buttons: buttonsOf(card),
    link,
    links: [
      ...(card.editable ? [{ label: 'Edit', url: `${page}/edit` }] : []),
      { label: 'Ask back', url: `${page}#questions` },
    ],
    tone: 'waiting',
  };
}

/** A word to those who were asked and have not voted; what it is about stands on the card that they have. */
export function reminderNotice(card: Card, url: string): Outgoing {
  return {
    text: `Reminder: ${card.sentence}. Your decision is awaited until ${moment(card.deadline)}.`,
    link: { label: 'Open the request', url },
    tone: 'waiting',
  };
}

/** The requester's card once people were asked. A confirmation that stands alone has its buttons on it. */
export function waitingCard(cards: readonly Card[]): Outgoing {
  const confirm = cards.length === 1 && cards[0]?.kind === 'confirm' ? cards[0] : undefined;
  return {
    text: cards.map(waitingText).join('\n\n'),
    facts:
      cards.length === 1 ? cards[0]?.facts.map(({ label, value }) => ({ label, value: shorten(value) })) : [],
    ...(confirm ? { buttons: buttonsOf(confirm) } : {}),
    tone: 'waiting',
  };
}

/** How a request that was not approved is shown: only what somebody rejected was refused. */
export function endedTone(state: string): 'cancelled' | 'expired' | 'refused' {
  if (state === 'expired') return 'expired';
  return state === 'cancelled' || state === 'superseded' ? 'cancelled' : 'refused';
}

/** What becomes of a request that was approved and would do something else by now. */
export function outdatedNotice(card: Card, changes: readonly string[]): Outgoing {
  return {
    text: `${card.sentence}.\nIt was approved, but not done: ${changes.map(visible).join(' ')} It has to be asked for and approved again.`,
    tone: 'refused',
  };
}

/** The same card without buttons, once the request is settled. */
export function closedNotice(card: Card): Outgoing {
  return {
    text: `${card.sentence}.\n${outcomeText(card)}`,
    tone: card.state === 'approved' ? 'done' : endedTone(card.state),
  };
}

/** How a request ended, by whom, over which channel, when and why, in one sentence or two. */
export function outcomeText(card: Card): string {
  const by = card.votes
    .filter((vote) => vote.counted && vote.verdict === (card.state === 'rejected' ? 'reject' : 'approve'))
    .map(
      (vote) =>
        `${vote.display}${vote.comment === null ? '' : ` (“${shorten(vote.comment)}”)`} ${placeOf(vote.channel)}`,
    );
  const people =
    (card.state === 'approved' || card.state === 'rejected') && by.length > 0
      ? ` by ${by.join(' and ')}`
      : '';
  const reason = card.reason === null || card.state === 'rejected' ? '' : ` ${card.reason}`;
  const when = card.decidedAt === null ? '' : `, ${moment(card.decidedAt)}`;
  return `It was ${endedAs(card.state)}${people}${when}.${reason}`;
}

/** Progress towards a quorum. */
export function progressText(card: Card): string {
  const counted = card.votes.filter((vote) => vote.verdict === 'approve').map((vote) => vote.display);
  return `${counted.length} of ${card.quorum} approvals${counted.length === 0 ? '' : `: ${counted.join(', ')}`}.`;
}

function waitingText(card: Card): string {
  if (card.kind === 'confirm') {
    // The texts of one call stand on the page; of several nothing is confirmed unseen.
    const texts = card.calls > 1 ? quotedText(card) : '';
    const lines = [editText(card), whyText(card), card.preview, provenanceText(card), texts];
    return `Please confirm: ${card.effect}.\n${lines.filter(Boolean).join('\n')}\nIt stays open until ${moment(card.deadline)}.`;
  }
  const names = card.approvers.map((person) => person.display).join(', ');
  const why = [editText(card), whyText(card), questionsText(card)].filter((line) => line !== '').join('\n');
  return `Approval is needed: ${card.effect}.\n${why}\nAsked: ${names}.${needText(card)} It stays open until ${moment(card.deadline)}.${
    card.votes.length > 0 ? `\n${progressText(card)}` : ''
  }`;
}

function editText(card: Card): string {
  if (!card.edited) return '';
  const changes = card.edited.changes.map(
    ({ label, before, after }) =>
      `${label}: ${after === null ? 'left out' : `“${shorten(after)}”`}${before === null ? '' : `, was “${shorten(before)}”`}`,
  );
  return `Changed by ${card.edited.by}. ${changes.join('. ')}.`;
}

function questionsText(card: Card): string {
  return card.questions
    .map(({ by, question, answer }) =>
      answer === null
        ? `${by} asked: “${shorten(question)}”. No answer yet.`
        : `${by} asked: “${shorten(question)}”\n${card.requester.display} answered: “${shorten(answer)}”`,
    )
    .join('\n');
}

function whyText(card: Card): string {
  return card.reasons.length === 0 ? '' : `Why: ${card.reasons.map((reason) => reason.text).join(' ')}`;
}

function provenanceText(card: Card): string {
  return card.provenance
    .map(({ label, value, source }) => `${label} “${shorten(value)}”: ${source}.`)
    .join('\n');
}

// The texts of several calls are cut one by one, so that none hides the next.
function quotedText({ quoted, calls }: Card): string {
  if (quoted === null) return '';
  const texts = calls > 1 ? quoted.split(/\n\n(?=Call \d+\n)/) : [quoted];
  return `Text of the request, not verified:\n${texts.map(shorten).join('\n\n')}`;
}

function needText(card: Card): string {
  return card.kind === 'approve' && card.quorum > 1
    ? ` ${card.quorum} different people have to approve.`
    : '';
}

function buttonsOf(card: Card): NonNullable<Outgoing['buttons']> {
  // No button carries a second factor; the link leads to the page that asks for it.
  if (card.strict) return [];
  const verb = card.kind === 'confirm' ? 'Confirm' : 'Approve';
  return [
    { label: labelOf(`${verb} ${card.effect}`), value: buttonValue('approve', card), style: 'primary' },
    {
      label: card.kind === 'confirm' ? 'Do not' : 'Reject',
      value: buttonValue('reject', card),
      style: 'danger',
    },
  ];
}

// Chat shows the start and says how much is left out; the form and the inbox show all.
function shorten(text: string): string {
  const start = startOf(text, longest);
  return start === text ? text : `${start}… (${sizeOf(text)}; the link shows all)`;
}

// Slack gives a button 75 characters.
function labelOf(text: string): string {
  return text.length <= 70 ? text : `${startOf(text, 30)}… (${sizeOf(text)})`;
}

const sizeOf = (text: string): string =>
  `${text.length} characters, SHA-256 ${digestOfText(text).slice('sha256:'.length, 'sha256:'.length + 8)}`;

/** At most so many characters, and no half of one. */
const startOf = (text: string, most: number): string => text.slice(0, most).replace(/[\ud800-\udbff]$/, '');
