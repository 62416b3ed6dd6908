import type { Standing, StandingGrants } from '../policy/index.ts';
import { transaction } from '../db/index.ts';
import { displayOf, labelOf, visible } from './card.ts';
import { refusals } from './refusals.ts';
import type { ApprovalsDeps } from './types.ts';
import { unproven, type Actor } from './voter.ts';

type Readers = Pick<ApprovalsDeps, 'people' | 'catalogue'>;

/** A standing grant as people see it. */
export interface StandingCard {
  id: string;
  approvalId: string;
  tool: string;
  title: string;
  user: string;
  destinations: { label: string; value: string }[];
  left: string;
  grantedBy: string[];
  expiresAt: string;
}

/**
 * Standing grants that can still be used, soonest end first.
 * @param viewer sees those that they can end; without one all are shown
 */
export async function standingOf(
  deps: Readers & { policy: { standing: Pick<StandingGrants, 'list'> } },
  viewer?: string,
): Promise<StandingCard[]> {
  const all = await deps.policy.standing.list();
  return all
    .filter((grant) => viewer === undefined || mayRevoke(deps, grant, viewer))
    .map((grant) => ({
      id: grant.id,
      approvalId: grant.approvalId,
      tool: grant.tool,
      title: deps.catalogue.get(grant.tool)?.title ?? grant.tool,
      user: displayOf(deps, grant.principal),
      destinations: Object.entries(grant.destinations).map(([name, value]) => ({
        label: labelOf(name),
        value: visible(typeof value === 'string' ? value : JSON.stringify(value)),
      })),
      left: grant.left,
      grantedBy: grant.grantedBy.map((principal) => displayOf(deps, principal)),
      expiresAt: grant.expiresAt.toISOString(),
    }));
}

/**
 * Ends a standing grant at once, and tells whoever used it.
 * @throws GatehouseError `GH-APPROVAL-034`
 */
export async function revokeStanding(deps: ApprovalsDeps, id: string, actor: Actor): Promise<void> {
  const { principal } = actor;
  const grant = (await deps.policy.standing.list()).find((entry) => entry.id === id);
  if (!grant || !mayRevoke(deps, grant, principal)) throw refusals.noStanding();
  await transaction(deps.pool, async (tx) => {
    const fault = await unproven(deps, tx, actor);
    if (fault) throw fault;
    await deps.policy.standing.revoke(tx, id, principal);
    if (principal === grant.principal) return;
    await deps.delivery.notify(tx, {
      principal: grant.principal,
      id: `${id}:revoked`,
      card: id,
      body: {
        text: `${displayOf(deps, principal)} ended the standing grant for ${deps.catalogue.get(grant.tool)?.title ?? grant.tool}. From now on each call is asked about again.`,
        tone: 'info',
      },
    });
  });
}

function mayRevoke({ people }: Readers, grant: Standing, viewer: string): boolean {
  return (
    grant.principal === viewer ||
    grant.grantedBy.includes(viewer) ||
    people.byGroups(grant.groups).some((person) => person.principal === viewer)
  );
}
