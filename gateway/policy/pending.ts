import type { SessionFacts } from './types.ts';

/** Calls that one card lists at most for a confirmation; more of them are a second card, and so a second ask. */
export const callsOnOneCard = 20;

/** What of a session waits for people. */
export interface Waiting {
  /** Cards that people were sent, and approvals that will be asked for, each by itself. */
  asks: number;
  /** Calls of the message that is served that wait to be confirmed, before anybody was asked: a gate puts them on one card. */
  confirms: number;
}

/** Nothing that waits. */
export const nothingWaits: Waiting = Object.freeze({ asks: 0, confirms: 0 });

/** What the rules see of it. */
export function pendingOf({ asks, confirms }: Waiting): Pick<SessionFacts, 'pendingAsks' | 'cardOpen'> {
  return {
    pendingAsks: asks + Math.ceil(confirms / callsOnOneCard),
    cardOpen: confirms % callsOnOneCard > 0,
  };
}
