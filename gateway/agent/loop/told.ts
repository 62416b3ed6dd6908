import canonicalize from 'canonicalize';
import { digest } from '../../envelope/index.ts';
import type { Outcome } from '../../approvals/index.ts';
import type { Execution } from '../../tools/index.ts';
import type { Fence } from '../prompts/index.ts';
import { shortened, storable } from '../text.ts';

/** Of one result in the conversation; the whole of it is kept, and `gatehouse.result` reads it. */
const mostCharacters = 24_000;

const next: Record<string, string> = {
  denied: 'Do not repeat this call. Choose another way that is allowed, or say what is not.',
  failed: 'It had no effect. Change the call where the reason says how, or go on without it.',
  unknown: 'It may have had its effect. Do not repeat it; say that it has to be checked.',
  rejected: 'Nothing was done. Do not ask for the same again; say that it was not approved.',
  expired: 'Nothing was done. Do not ask for the same again; say that nobody approved it in time.',
};

/** What a model is told of a call, and what tells one outcome from another. */
export interface Told {
  text: string;
  status: string;
  outcome: string;
}

/**
 * Tells how a call ended. What its system said stands in a data block, and so does every sentence that quotes it.
 * @param edited whether people changed the call before they approved it
 */
export function tellExecution(
  fence: Fence,
  tool: string,
  { status, text, result, reasons = [], attempt }: Execution,
  edited = false,
): Told {
  const codes = reasons.map(({ code }) => code);
  // The reasons of a refusal are the rules' own words; what a system said may hold anything.
  const said = status === 'denied' ? { reasons } : { text, reasons, result };
  const body = shortened(storable(canonicalize(withoutGaps(said)) ?? ''), mostCharacters);
  const lines = [
    `status: ${status}`,
    ...(codes.length > 0 ? [`code: ${codes.join(', ')}`] : []),
    ...(edited ? ['note: people changed the call before they approved it'] : []),
    ...(attempt === undefined ? [] : [`attempt: ${attempt}`]),
    ...(next[status] === undefined ? [] : [`next: ${next[status]}`]),
    fence.block('data', `tool:${tool}`, body),
  ];
  return { text: lines.join('\n'), status, outcome: digest([status, codes, result ?? null]) };
}

/** Tells that people did not let a call happen. */
export function tellOutcome({ state }: Pick<Outcome, 'state'>): Told {
  const lines = [`status: not_approved`, `code: ${state}`, `next: ${next[state] ?? next.rejected ?? ''}`];
  return { text: lines.join('\n'), status: state, outcome: digest([state]) };
}

/** Tells that a call is none. */
export function tellRefusal(code: string, text: string): Told {
  return {
    text: `status: denied\ncode: ${code}\nreason: ${text}`,
    status: 'denied',
    outcome: digest([code]),
  };
}

const withoutGaps = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined));
