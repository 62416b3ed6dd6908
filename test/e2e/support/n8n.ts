import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import type { TestStack } from './stack.ts';

/** What n8n holds of ours, as somebody who took n8n over would find it. */
export interface Loot {
  token: string;
  signingSecret: string;
}

/** Reads n8n's client token and the key that signs what the gateway sends to it. */
export function loot(stack: TestStack): Loot {
  const file = readFileSync(join(stack.dir, 'n8n', 'credentials-overwrite.json'), 'utf8');
  return (JSON.parse(file) as { gatehouseApi: Loot }).gatehouseApi;
}

/** Calls the gateway's internal API as n8n. */
export async function asN8n(
  stack: TestStack,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${stack.urls.internal}${path}`, {
    method,
    headers: { authorization: `Bearer ${loot(stack).token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

/** The run tokens in the stored data of a waiting execution, newest last. */
export async function runTokenIn(stack: TestStack, executionId: string): Promise<string> {
  const [row] = await stack.n8n<{ data: string }>(
    'select data from execution_data where "executionId" = $1',
    [Number(executionId)],
  );
  const token = /run_[A-Za-z0-9_-]{20,}/.exec(row?.data ?? '')?.[0];
  assert.ok(token, 'a waiting execution holds its run token');
  return token;
}

/** An approval as n8n waits for it. */
export interface Wait {
  id: string;
  executionId: string;
  nodeId: string;
  resumePath: string;
  digest: string;
  args: Record<string, string>;
}

/** Posts an approving outcome straight to the waiting gate, signed or not. */
export async function postOutcome(
  stack: TestStack,
  open: Wait,
  options: { signWith?: string; grant: string; at?: Date; changed?: boolean },
): Promise<Response> {
  const body = JSON.stringify({
    type: 'dev.gatehouse.outcome.v1',
    gate: { executionId: open.executionId, nodeId: open.nodeId },
    items: [
      {
        id: open.id,
        index: 0,
        state: 'approved',
        tool: 'ledger.transfer',
        args: open.args,
        digest: open.digest,
        grant: options.grant,
        decidedAt: new Date().toISOString(),
        by: [],
        reason: null,
      },
    ],
  });
  const at = options.at ?? new Date();
  const signature = options.signWith ? new Webhook(options.signWith).sign('outcome_forged', at, body) : 'v1,';
  return fetch(`http://127.0.0.1:${stack.ports.n8n}${open.resumePath}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': 'outcome_forged',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': signature,
    },
    body: options.changed ? body.replace('"index":0', '"index":1') : body,
  });
}

/** Sends approving outcomes that the gateway did not sign: none, another key, a changed byte, too old, too new. */
export async function forgeOutcomes(stack: TestStack, open: Wait): Promise<Response[]> {
  const { signingSecret } = loot(stack);
  const grant = 'grt_made-up';
  const hours = (count: number): Date => new Date(Date.now() + count * 3_600_000);
  const answers: Response[] = [];
  for (const options of [
    { grant },
    { grant, signWith: `whsec_${Buffer.alloc(32, 7).toString('base64')}` },
    { grant, signWith: signingSecret, changed: true },
    { grant, signWith: signingSecret, at: hours(-1) },
    { grant, signWith: signingSecret, at: hours(1) },
  ]) {
    answers.push(await postOutcome(stack, open, options));
  }
  const unsigned = await fetch(`http://127.0.0.1:${stack.ports.n8n}${open.resumePath}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'dev.gatehouse.outcome.v1', state: 'approved', verdict: 'approve' }),
  });
  return [...answers, unsigned];
}
