import type { Person } from '../sessions/index.ts';
import type { ApprovalRow } from './store.ts';
import type { ApprovalsDeps } from './types.ts';

type Asked = Pick<ApprovalRow, 'kind' | 'groups' | 'requester' | 'confirmer' | 'proposers' | 'now'>;
type Directory = Pick<ApprovalsDeps['people'], 'get' | 'byGroups' | 'standIns'>;

/**
 * Who may decide an approval now. A confirmation is its confirmer's alone. Otherwise the members of the named groups
 * and, on their days, those who stand in for them; never the requester, nor who stands in for the requester, nor who
 * changed the request. No group means nobody. It is asked again at each vote, so that somebody who left a group decides
 * nothing any more.
 */
export function eligible(people: Directory, approval: Asked): Person[] {
  return [...seatsOf(people, approval).keys()]
    .map((principal) => people.get(principal))
    .filter((person) => person !== undefined);
}

/** Who confirms what this principal asks for: they themselves or, for an automation, the person who answers for it. */
export function confirmerOf(
  { automations }: Pick<ApprovalsDeps, 'automations'>,
  requester: string | null,
): string | null {
  return automations?.list().find(({ principal }) => principal === requester)?.owner ?? requester;
}

/**
 * The seats that each person may fill: a member their own, a stand-in those of the members they stand in for. A member
 * who also stands in has one vote, their own.
 * @returns by principal, members first
 */
export function seatsOf(people: Directory, approval: Asked): Map<string, string[]> {
  const { kind, requester, confirmer, proposers } = approval;
  if (kind === 'confirm') {
    const known = confirmer !== null && people.get(confirmer) !== undefined;
    return new Map(known ? [[confirmer, [confirmer]]] : []);
  }
  const standIns = people.standIns(approval.now);
  const own = [...(requester === null ? [] : [requester]), ...proposers];
  const partial = new Set([
    ...own,
    ...standIns.filter((entry) => own.includes(entry.for)).map((entry) => entry.by),
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

/** Four eyes need two people; where no person asked, both of them are approvers. */
export function quorumOf(
  deps: Pick<ApprovalsDeps, 'people' | 'classOf'>,
  decision: {
    effect: string;
    tool: string;
    principal: string | null;
    approvers: { quorum?: number } | null;
  },
): number {
  const { effect, tool, principal, approvers } = decision;
  if (effect !== 'approve') return 1;
  const asker = principal === null ? undefined : deps.people.get(principal);
  const least = asker === undefined && deps.classOf?.(tool)?.fourEyes ? 2 : 1;
  return Math.max(least, approvers?.quorum ?? 1);
}

/** Who may change what is asked: its requester, and whoever decides it, also after having changed it before. */
export function mayEdit(people: Directory, approval: ApprovalRow, viewer: string): boolean {
  return (
    approval.requester === viewer ||
    eligible(people, { ...approval, proposers: [] }).some((person) => person.principal === viewer)
  );
}

/** Who may ask the requester something: whoever decides, unless that is the requester. */
export function mayAsk(people: Directory, approval: ApprovalRow, viewer: string): boolean {
  return (
    approval.kind === 'approve' && eligible(people, approval).some((person) => person.principal === viewer)
  );
}

/** Who may see an approval: whoever asked, changed, voted on or may decide it. */
export function maySee(people: Directory, approval: ApprovalRow, viewer: string): boolean {
  return (
    approval.requester === viewer ||
    approval.editors.includes(viewer) ||
    approval.votes.some((entry) => entry.principal === viewer) ||
    eligible(people, approval).some((person) => person.principal === viewer)
  );
}
