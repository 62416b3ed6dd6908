import type { IExecuteFunctions } from 'n8n-workflow';
import type { RegisteredApproval } from '../shared/contract';
import { callGateway, type Answer } from '../shared/gateway';

/** The gateway's answer to a request for approvals. */
export interface Registration {
  approvals: RegisteredApproval[];
  waitUntil: string;
}

/**
 * Asks the gateway to collect decisions. Each gets its own signed address of this wait; the gateway alone resumes it.
 * @param decisions ids of decisions that need people, each once
 * @param edits whether the call of the outcome is handed on, so that people may change it
 */
export async function register(
  context: IExecuteFunctions,
  run: string,
  decisions: string[],
  edits: boolean,
): Promise<Answer<Registration>> {
  const answer = await callGateway<Registration>(context, 'POST', '/v1/approvals', {
    run,
    executionId: context.getExecutionId(),
    nodeId: context.getNode().id,
    edits,
    items: decisions.map((decision) => ({ decision, resumePath: resumePathOf(context, decision) })),
  });
  if (!answer.ok) return answer;
  const { approvals, waitUntil } = answer.value;
  const complete =
    Array.isArray(approvals) &&
    decisions.every((id) => approvals.some((approval) => approval.id === id)) &&
    !Number.isNaN(Date.parse(waitUntil));
  if (complete) return answer;
  return {
    ok: false,
    refusal: {
      code: 'unexpected_answer',
      text: 'The gateway did not take all requests, so none can be approved.',
    },
  };
}

/** Path and query are what n8n signs; the host is left out, because the gateway reaches n8n by an address of its own. */
function resumePathOf(context: IExecuteFunctions, approval: string): string {
  const { pathname, search } = new URL(context.getSignedResumeUrl({ approval }));
  return pathname + search;
}
