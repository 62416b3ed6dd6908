import { Router } from 'express';
import type { ReceiptRow, WebDeps } from './deps.ts';
import { page } from './render.ts';
import { signedIn } from './session.ts';

/** All receipts of one message, in order of writing. */
interface Chain {
  messageId: string | null;
  title: string;
  at: Date | string;
  sealed: boolean;
  links: { row: ReceiptRow; name: string; facts: [string, string][] }[];
}

const names: Record<string, string> = {
  envelope: 'Message received',
  decision: 'Policy decided',
  'approval.requested': 'Approval asked',
  'approval.vote': 'Vote',
  'approval.escalated': 'More people asked',
  'approval.reminded': 'People reminded',
  'approval.outcome': 'Approval settled',
  'approval.outdated': 'Approval does not hold any more',
  preview: 'Looked up what would happen',
  post: 'Posted into a conversation',
  'secret.lease': 'Secret lent for the call',
  'secret.rotated': 'Secret replaced',
  'secret.retired': 'Former secret ended',
  'secret.copied': 'Secret copied into n8n',
  'secret.uncopied': 'Copy removed from n8n',
  attempt: 'Call started',
  outcome: 'Call ended',
  'calls.paused': 'Calls paused',
  'calls.resumed': 'Calls resumed',
  'calls.requeued': 'Put back to be tried again',
  reply: 'Reply sent',
  'agent.started': 'Agent began',
  'agent.model': 'Model chosen',
  'agent.steered': 'Agent steered',
  'agent.ended': 'Agent ended',
  'kill-switch': 'Kill switch',
  'clock.backward': 'Clock went back',
  epoch: 'New epoch',
  restore: 'Restored',
  'policy.served': 'Policy in force',
  'policy.rollback': 'Policy rolled back',
  pairing: 'Identity paired',
  factor: 'Second factor changed',
};

/** `GET /receipts`: what was done, one chain of receipts a message. */
export function receiptRoutes(deps: WebDeps): Router {
  const router = Router();
  router.get(
    '/receipts',
    signedIn(deps, async (viewer, _request, response) => {
      const rows = await deps.audit.listReceipts(
        deps.pool,
        viewer.seesAllReceipts ? { all: true } : { principal: viewer.principal },
      );
      page(response, 'receipts', {
        title: 'Receipts',
        current: 'receipts',
        chains: chainsOf(rows),
        all: viewer.seesAllReceipts,
      });
    }),
  );
  return router;
}

/** Groups receipts (given in order of writing) by message, newest first; one without a message stands alone. */
export function chainsOf(rows: readonly ReceiptRow[]): Chain[] {
  const groups = new Map<string, ReceiptRow[]>();
  for (const row of rows) {
    const key = row.messageId ?? row.id;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const chains = [...groups.values()].map((group): Chain => {
    return {
      messageId: group[0]?.messageId ?? null,
      title: titleOf(group),
      at: group[0]?.createdAt ?? new Date(0),
      sealed: group.every((row) => row.position !== null),
      links: group.map((row) => ({ row, name: names[row.kind] ?? row.kind, facts: factsOf(row) })),
    };
  });
  return chains.sort((left, right) => Number(new Date(right.at)) - Number(new Date(left.at)));
}

function titleOf(rows: readonly ReceiptRow[]): string {
  const tools = new Set(rows.map((row) => row.facts.tool).filter((tool) => typeof tool === 'string'));
  tools.delete('conversation.reply');
  if (tools.size > 0) return [...tools].join(', ');
  const first = rows[0];
  return first?.kind === 'envelope' ? 'Conversation' : (names[first?.kind ?? ''] ?? 'Receipt');
}

function factsOf(row: ReceiptRow): [string, string][] {
  return Object.entries(row.facts)
    .filter(([, value]) => value !== null && value !== '' && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)]);
}
