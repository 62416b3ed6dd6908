import type { Queryable } from '../db/index.ts';
import { bindingDigest, callDigest, type Preview } from '../policy/index.ts';
import type { ApprovalRow } from './store.ts';
import type { ApprovalsDeps } from './types.ts';

/** Risks that nobody is asked about without knowing what would happen, where the tool can tell. */
const neverBlind = new Set(['payment', 'delete', 'prod_write']);

const noPreview = (): Preview => ({
  state: 'none',
  text: 'No preview: nothing is looked up here.',
  facts: [],
  at: new Date().toISOString(),
});

/**
 * Looks up what these calls would do, before any row is locked: a system of record may take its time. Those that were
 * asked about already keep what their voters saw.
 * @returns the previews by decision
 */
export async function takePreviews(
  deps: ApprovalsDeps,
  messageId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Preview>> {
  const { preview } = deps;
  if (!preview) return new Map();
  const { rows } = await deps.pool.query<{
    id: string;
    tool: string;
    args: Record<string, unknown> | null;
    principal: string | null;
  }>(
    `select id, tool, args, principal from decisions d where id = any($1) and message_id = $2
     and effect in ('confirm', 'approve') and not exists (select from approvals a where a.id = d.id)`,
    [ids, messageId],
  );
  return new Map(
    await Promise.all(
      rows.map(async ({ id, tool, args, principal }): Promise<[string, Preview]> => {
        return [id, await preview({ decisionId: id, messageId, principal, tool, args: args ?? {} })];
      }),
    ),
  );
}

/** Binds a new approval to its call, to who asks, under which rules, what it would do, and until when it may be decided. */
export async function bind(tx: Queryable, row: ApprovalRow, preview = noPreview()): Promise<void> {
  await tx.query('update approvals set preview = $2, binding = $3 where id = $1', [
    row.id,
    JSON.stringify(preview),
    bindingOf({ ...row, preview }),
  ]);
}

/** Whether an approval still is what it was bound to: neither its call nor anything else of it was changed. */
export function isIntact(row: ApprovalRow): boolean {
  return (
    row.args !== null &&
    callDigest(row.tool, row.args).digest === row.digest &&
    bindingOf(row) === row.binding
  );
}

/** Why nobody may be asked to approve this, or null: where it counts, nobody approves what cannot be shown. */
export function blindness({ catalogue }: Pick<ApprovalsDeps, 'catalogue'>, row: ApprovalRow): string | null {
  const { preview } = row;
  if (!preview || !neverBlind.has(catalogue.get(row.tool)?.risk ?? '')) return null;
  if (preview.state === 'missing') return `${preview.text ?? 'There is no such record.'} (preview_missing)`;
  if (preview.state !== 'unavailable') return null;
  return `What it would do cannot be looked up, so nobody was asked. ${preview.text ?? ''} (preview_unavailable)`;
}

function bindingOf(row: ApprovalRow): string {
  return bindingDigest({
    call: row.digest,
    actor: row.requester,
    session: row.sessionKey,
    policy: row.policyVersion,
    epoch: row.epoch,
    preview: row.preview,
    deadline: row.deadline,
  });
}
