import type { Person } from '../sessions/index.ts';
import type { ApprovalRow } from './store.ts';
import type { ApprovalsDeps } from './types.ts';

type Asked = Pick<ApprovalRow, 'kind' | 'groups' | 'requester' | 'now'>;
type Directory = Pick<ApprovalsDeps['people'], 'get' | 'byGroups' | 'standIns'>;

/**
 * Who may decide an approval now. A confirmation is the requester's alone. Otherwise the members of the named groups
 * and, on their days, those who stand in for them; never the requester, nor who stands in for the requester. No group
 * means nobody. It is asked again at each vote, so that somebody who left a group decides nothing any more.
 */
export function eligible(people: Directory, approval: Asked): Person[] {
  return [...seatsOf(people, approval).keys()]
    .map((principal) => people.get(principal))
    .filter((person) => person !== undefined);
}

/**
 * The seats that each person may fill: a member their own, a stand-in those of the members they stand in for. A member
 * who also stands in has one vote, their own.
 * @returns by principal, members first
 */
export function seatsOf(people: Directory, approval: Asked): Map<string, string[]> {
  const { kind, requester } = approval;
  if (kind === 'confirm') {
    const known = requester !== null && people.get(requester) !== undefined;
    return new Map(known ? [[requester, [requester]]] : []);
  }
  const standIns = people.standIns(approval.now);
  const partial = new Set([
    requester,
    ...standIns.filter((entry) => entry.for === requester).map((entry) => entry.by),
  ]);
  const members = new Set(people.byGroups(approval.groups).map((person) => person.principal));
  const seats = new Map([...members].filter((one) => !partial.has(one)).map((one) => [one, [one]]));
  for (const { for: away, by } of standIns) {
    if (members.has(away) && !members.has(by) && !partial.has(by))
      seats.set(by, [...(seats.get(by) ?? []), away]);
  }
  return seats;
}

/** How many different seats these people can fill, each with one vote. */
export function seatCount(seats: ReadonlyMap<string, readonly string[]>, of: readonly string[]): number {
  return Math.min(of.length, new Set(of.flatMap((principal) => seats.get(principal) ?? [])).size);
}
