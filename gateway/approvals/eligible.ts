import type { Person } from '../sessions/index.ts';
import type { ApprovalRow } from './store.ts';
import type { ApprovalsDeps } from './types.ts';

/**
 * Who may decide an approval now. A confirmation is the requester's alone. Otherwise the members of the named groups,
 * never the requester; no group means nobody. It is asked again at each vote, so that somebody who left a group
 * decides nothing any more.
 */
export function eligible(
  people: ApprovalsDeps['people'],
  approval: Pick<ApprovalRow, 'kind' | 'groups' | 'requester'>,
): Person[] {
  if (approval.kind === 'confirm') {
    const requester = approval.requester === null ? undefined : people.get(approval.requester);
    return requester ? [requester] : [];
  }
  return people.byGroups(approval.groups).filter((person) => person.principal !== approval.requester);
}
