import { GatehouseError } from '../config/index.ts';

/** `note`: as somebody decided, worth knowing. `warn`: works, look at it. `fail`: broken, or not safe. */
export type State = 'ok' | 'note' | 'warn' | 'fail';

/** One thing that was looked at. */
export interface Finding {
  check: string;
  state: State;
  /** What was found, one plain sentence. It holds no secret and nothing that a person wrote in a message. */
  text: string;
  /** The command to type or the line to change. */
  next?: string;
}

/** What was found of one thing, the worst first. */
export interface Topic {
  topic: string;
  findings: Finding[];
}

/** All that was found. */
export interface Diagnosis {
  /** Whether nothing fails. */
  ok: boolean;
  topics: Topic[];
}

type Make = (check: string, text: string, next?: string) => Finding;

const of =
  (state: State): Make =>
  (check, text, next) => ({ check, state, text, ...(next === undefined ? {} : { next }) });

export const ok = of('ok');
export const note = of('note');
export const warn = of('warn');
export const fail = of('fail');

const order: readonly State[] = ['fail', 'warn', 'note', 'ok'];

/** Puts topics together: within each the worst first, otherwise in the order of looking. */
export function diagnosisOf(topics: readonly Topic[]): Diagnosis {
  return {
    ok: topics.every(({ findings }) => findings.every(({ state }) => state !== 'fail')),
    topics: topics.map(({ topic, findings }) => ({
      topic,
      findings: [...findings].sort((one, other) => order.indexOf(one.state) - order.indexOf(other.state)),
    })),
  };
}

/** What went wrong while looking, as a finding. Only an error of ours says more than its code: others may quote anything. */
export function failure(check: string, error: unknown): Finding {
  if (error instanceof GatehouseError) return fail(check, oneLine(error.message), error.next);
  return fail(check, `This could not be looked at (${codeOf(error)}).`);
}

/** The code of a system's or a driver's error; never its message. */
export function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  const known = code ?? cause?.code;
  return typeof known === 'string' && /^[\w-]{1,40}$/.test(known) ? known : 'no answer';
}

/** `1 receipt`, `2 receipts`. */
export const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;

/** A text of several lines as one. */
export const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ');
