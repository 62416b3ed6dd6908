import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { n8nOwner } from '../../support/n8n-owner.ts';
import { loot } from './n8n.ts';
import type { TestStack } from './stack.ts';

/** Makes and publishes a workflow that takes a message as ours do, and then comes to a bad end. */
export async function brokenWorkflow(
  stack: TestStack,
  path: string,
  end: { type: string; typeVersion: number; parameters: Record<string, unknown> },
): Promise<void> {
  const n8n = await n8nOwner({ ...stack.owner, url: stack.urls.n8n });
  const nodes = [
    {
      name: 'Message',
      type: 'n8n-nodes-base.webhook',
      typeVersion: 2.1,
      webhookId: randomUUID(),
      parameters: { httpMethod: 'POST', path, options: { rawBody: true } },
    },
    {
      name: 'Envelope Normaliser',
      type: 'n8n-nodes-gatehouse.envelopeNormaliser',
      typeVersion: 1,
      parameters: { source: 'message' },
      credentials: { gatehouseApi: { id: 'gatehouseApi0001', name: 'Gatehouse API' } },
    },
    { name: 'End', ...end },
  ].map((node, index) => ({ ...node, id: randomUUID(), position: [index * 220, 0] }));
  const to = (node: string): { node: string; type: string; index: number } => ({
    node,
    type: 'main',
    index: 0,
  });
  const made = (await n8n.call('POST', '/rest/workflows', {
    name: path,
    nodes,
    connections: {
      Message: { main: [[to('Envelope Normaliser')]] },
      'Envelope Normaliser': { main: [[], [to('End')]] },
    },
    settings: { executionOrder: 'v1', errorWorkflow: 'gatehouseError001' },
  })) as { id: string; versionId: string };
  await n8n.call('POST', `/rest/workflows/${made.id}/activate`, {
    versionId: made.versionId,
    name: path,
    description: '',
  });
}

/** Sends a stored envelope to a workflow, signed as the gateway signs it. */
export async function sendEnvelope(stack: TestStack, path: string, envelope: unknown): Promise<Response> {
  const now = new Date();
  const body = JSON.stringify({
    envelope,
    run: { token: `run_${randomUUID()}`, expiresAt: now.toISOString() },
  });
  return fetch(`http://127.0.0.1:${stack.ports.n8n}/webhook/${path}`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': 'privacy',
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(loot(stack).signingSecret).sign('privacy', now, body),
    },
  });
}
