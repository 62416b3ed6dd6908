import { bindingDigest, previewChanges, type Preview, type Reason } from '../policy/index.ts';
import type { ToolsDeps } from './deps.ts';
import { presentedBy, type Ready } from './perform.ts';

/** What the approval behind a grant holds for now, or why the call may not run under it. */
export type Held =
  | { binding: string | null }
  /** It was approved for something else than it would do now. */
  | { changed: string[]; decisionId: string }
  | { unavailable: Reason };

interface ApprovalRow {
  id: string;
  preview: Preview | null;
  deadline: Date;
  changes: string[] | null;
}

/**
 * Looks once more at what a call would do, right before its grant is spent, and computes what its approval is bound to
 * from what holds at this moment. Spending the grant compares the two.
 * @throws GrantRefused for a grant that would be refused anyway: nothing is looked up for it
 */
export async function boundNow(deps: ToolsDeps, call: Ready, grant: string): Promise<Held> {
  const { pool, policy } = deps;
  const { rows } = await pool.query<ApprovalRow>({
    name: 'approval-of-grant',
    text: `select a.id, a.preview, a.deadline, a.void -> 'changes' as changes
      from grants g join approvals a on a.id = g.decision_id where g.id = $1 and g.message_id = $2`,
    values: [grant, call.run.messageId],
  });
  const approval = rows[0];
  if (!approval) return { binding: null };
  const { id: decisionId, preview, deadline, changes } = approval;
  if (changes) return { changed: changes, decisionId };
  const { binding: _unknown, ...presented } = presentedBy(call, grant);
  await policy.checkGrant(pool, presented);
  const fresh = await lookedUp(deps, call, decisionId, preview);
  if (fresh && 'unavailable' in fresh) return fresh;
  if (fresh && fresh.changed.length > 0) return { changed: fresh.changed, decisionId };
  return {
    binding: bindingDigest({
      call: call.digest,
      actor: call.run.principal,
      session: call.run.sessionKey,
      policy: policy.version,
      epoch: deps.epoch.current(),
      preview,
      deadline,
    }),
  };
}

/** What the preview of a call shows now that differs from what was approved; null where nothing was, or it is not known. */
async function lookedUp(
  deps: ToolsDeps,
  { run, tool, args }: Ready,
  decisionId: string,
  approved: Preview | null,
): Promise<{ changed: string[] } | { unavailable: Reason } | null> {
  if (approved?.state !== 'shown') return null;
  const { messageId, principal } = run;
  const fresh = await deps.preview({ decisionId, messageId, principal, tool: tool.name, args });
  if (fresh.state !== 'unavailable') return { changed: previewChanges(approved, fresh) };
  const text = `What it would do was approved, and cannot be looked up now. ${fresh.text ?? ''}`.trim();
  return { unavailable: { code: 'preview_unavailable', text } };
}

/**
 * Looks once more at what an approved call would do whose grant was spent before.
 * @returns what is different, or that it cannot be looked up; null where nothing was looked up for its approval, or all is as it
 *   was
 */
export async function shownNow(
  deps: ToolsDeps,
  call: Ready,
  decisionId: string,
): Promise<{ changed: string[] } | { unavailable: Reason } | null> {
  const { rows } = await deps.pool.query<{ preview: Preview | null }>(
    'select preview from approvals where id = $1',
    [decisionId],
  );
  const found = await lookedUp(deps, call, decisionId, rows[0]?.preview ?? null);
  return found && 'changed' in found && found.changed.length === 0 ? null : found;
}
