import { Webhook } from 'standardwebhooks';
import { digest } from '../envelope/index.ts';
import { readBounded } from './bounded.ts';

/** n8n's own pages that are told apart here have a few kilobytes. */
const answerLimit = 256 * 1024;

/** The type of an approval's outcome. */
export const outcomeType = 'dev.gatehouse.outcome.v1';

/** What n8n made of an outcome. Only `resumed` says that the gate took it; nothing else is assumed to mean anything. */
export type ResumeAnswer =
  | { kind: 'resumed' }
  /** n8n runs the execution: towards its wait, or it believes so. */
  | { kind: 'busy'; detail: string }
  /** Nobody answered, or not now. */
  | { kind: 'down'; detail: string }
  /** Finished, unknown, refused, broken: the execution has to be looked up. */
  | { kind: 'other'; detail: string };

/** The wait that an outcome goes to. */
export interface Wait {
  executionId: string;
  nodeId: string;
  resumePath: string;
}

/**
 * Reads the address of a wait that a node registers. Both listeners append it to a base address, so nothing but the very path
 * of this wait may pass.
 * @returns its query, or null for any other path or one that n8n did not sign
 */
export function queryOfWait(
  resumePath: string,
  { executionId, nodeId }: Pick<Wait, 'executionId' | 'nodeId'>,
  n8nUrl: string,
): URLSearchParams | null {
  const path = `/webhook-waiting/${encodeURIComponent(executionId)}/${encodeURIComponent(nodeId)}`;
  const url = URL.parse(resumePath, n8nUrl);
  const exact = url !== null && resumePath === `${path}${url.search}` && url.pathname === path;
  return exact && url.searchParams.has('signature') ? url.searchParams : null;
}

/**
 * Posts a signed outcome to a waiting node (Standard Webhooks headers over the raw body).
 * @param timeoutMs longest wait for the answer
 */
export async function postOutcome(
  options: { n8nUrl: string; signingSecret: string; timeoutMs: number; now: Date },
  wait: Wait,
  { type, items }: { type: string; items: readonly { id: string }[] },
): Promise<ResumeAnswer> {
  const gate = { executionId: wait.executionId, nodeId: wait.nodeId };
  const body = JSON.stringify({ type, gate, items });
  // The same outcome keeps its id at every attempt, as the specification asks of retries.
  const id = `outcome_${digest({ gate, ids: items.map((item) => item.id) }).slice('sha256:'.length, 39)}`;
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${options.n8nUrl.replace(/\/$/, '')}${wait.resumePath}`, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(options.timeoutMs),
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(options.now.getTime() / 1000)),
        'webhook-signature': new Webhook(options.signingSecret).sign(id, options.now, body),
      },
      body,
    });
    text = (await readBounded(response, answerLimit))?.toString() ?? '';
  } catch (error) {
    return { kind: 'down', detail: error instanceof Error ? error.message : 'no answer' };
  }
  return classify(response.status, text);
}

function classify(status: number, text: string): ResumeAnswer {
  if (status === 200 && isMarker(text)) return { kind: 'resumed' };
  const detail = `n8n answered ${status}`;
  // n8n says 409 of a run that has ended with an error as well; only these words mean "not yet".
  if (status === 409 && /is running already/i.test(text)) return { kind: 'busy', detail };
  return status === 429 || status === 502 || status === 503
    ? { kind: 'down', detail }
    : { kind: 'other', detail };
}

function isMarker(text: string): boolean {
  try {
    return (JSON.parse(text) as { gatehouse?: unknown } | null)?.gatehouse === 'resumed';
  } catch {
    return false;
  }
}
