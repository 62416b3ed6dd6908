import { heldNow } from '../factors/index.ts';
import type { ApprovalsDeps } from './types.ts';

/** Who a person is to approvals. */
export interface Scope {
  viewer: string;
  /** For which they decide. */
  groups: string[];
  /** People on whose requests they have no vote: themselves, and those they stand in for. */
  own: string[];
}

/**
 * Finds who a person is to approvals. On the days on which they stand in for somebody, that somebody's groups count.
 * @param now decides whose day it is
 */
export function scopeOf(
  { people }: { people: Pick<ApprovalsDeps['people'], 'get' | 'standIns'> },
  viewer: string,
  now: Date,
): Scope {
  const away = people
    .standIns(now)
    .filter((entry) => entry.by === viewer)
    .map((entry) => entry.for);
  const own = [viewer, ...away];
  const groups = new Set(own.flatMap((principal) => people.get(principal)?.groups ?? []));
  return { viewer, groups: [...groups], own };
}

/** They may decide it: `eligible` in SQL, which says the same about each row once more. */
const decides = `case a.kind when 'confirm' then a.confirmer = $1
  else a.groups && $2::text[] and not coalesce(a.requester = any($3::text[]), false)
    and not a.proposers && $3::text[] end`;

const voted = 'exists (select from votes v where v.approval_id = a.id and v.principal = $1)';

/** As `givenVote` says of one request. Only what is strict is voted on with an authenticator. */
const stands = `exists (select from votes v where v.approval_id = a.id and v.principal = $1
  and (v.authenticator is null or ${heldNow('v.principal', 'v.authenticator')}))`;

/** They decide it or took part in it. */
const concerned = `(${decides} or ${voted} or $1 = any(a.proposers))`;

// Calls that share a card are listed as the first of them.
const first = '(a.card is null or a.card = a.id)';

const open = `${first} and a.state = 'pending' and not a.stale and a.deadline > clock_timestamp()`;

/** How far back the lists of what ended go. */
export const listedDays = 30;
const lately = (column: string): string => `a.${column} > now() - interval '${listedDays} days'`;

// What an edit replaced stands in the list as its last edition.
const ended = `${first} and a.state not in ('pending', 'superseded') and ${lately('decided_at')}`;

/** The lists of the inbox, as conditions over `a` (approvals) with the parameters of `parametersOf` in front. */
export const lists = {
  /** Open, theirs to decide, and without a vote of theirs that stands. */
  needed: `${open} and ${decides} and not ${stands}`,
  /** Open and their business. */
  open: `${open} and ${concerned}`,
  /** Asked by them. */
  asked: `${first} and a.requester = $1 and a.state <> 'superseded' and (${open} or a.state <> 'pending' and ${lately('created_at')})`,
  /** Ended, with their vote. */
  voted: `${ended} and ${voted}`,
  /** Ended, and their business. */
  ended: `${ended} and ${concerned}`,
} as const;

export type ListName = keyof typeof lists;

/** What the conditions of `lists` read as `$1` to `$3`. */
export function parametersOf({ viewer, groups, own }: Scope): [string, string[], string[]] {
  return [viewer, groups, own];
}
