import type { Card } from '../approvals/index.ts';
import { GatehouseError } from '../config/index.ts';
import { plain } from './output.ts';

/** The one open request that begins so. @throws GatehouseError `GH-CLI-405` */
export function find(cards: readonly Card[], request: string): Card {
  const found = cards.filter((card) => card.id.startsWith(request));
  if (found.length === 1 && found[0]) return found[0];
  throw new GatehouseError(
    'GH-CLI-405',
    found.length === 0
      ? `No open request begins with ${plain(request)}.`
      : `${found.length} open requests begin with ${plain(request)}.`,
    { status: 404, next: 'npx gatehouse approvals list' },
  );
}

/** A request in lines of text, as its approvers see it; print each with `plain`. */
export function linesOf(card: Card): string[] {
  return [
    `${card.sentence}.`,
    ...card.reasons.map((reason) => `  Why: ${reason.text} (${reason.code})`),
    ...(card.edited ? [`  Changed by ${card.edited.by}.`] : []),
    ...card.facts.map(({ label, value }) => `  ${label}: ${value}`),
    ...card.provenance.map(({ label, source }) => `  ${label}: ${source}`),
    ...(card.quoted === null
      ? []
      : ['  Text, not verified:', ...card.quoted.split('\n').map((line) => `    ${line}`)]),
    ...card.questions.map(
      ({ by, question, answer }) => `  ${by} asked: ${question} ${answer ?? '(no answer yet)'}`,
    ),
    `  ${progress(card)} approved, until ${moment(card.deadline)}. May decide: ${card.approvers.map((person) => person.display).join(', ')}.`,
  ];
}

/** How many have approved, of how many that it needs. */
export const progress = (card: Card): string =>
  `${card.votes.filter((vote) => vote.verdict === 'approve').length} of ${card.quorum}`;

/** An instant to the minute. */
export const moment = (iso: string): string => `${iso.slice(0, 16).replace('T', ' ')} UTC`;
