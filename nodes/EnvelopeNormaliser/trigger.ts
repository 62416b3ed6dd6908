import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';
import { callGateway } from '../shared/gateway';
import { textOf } from '../shared/parameters';
import type { Normalised } from './message';

/** Has the gateway make an envelope of another trigger's item. It decides what can be trusted, which is little. */
export async function fromTrigger(context: IExecuteFunctions, index: number): Promise<Normalised> {
  const trigger: IDataObject = { kind: context.getNodeParameter('kind', index) as string };
  const text = textOf(context, 'text', index);
  const automation = textOf(context, 'automation', index);
  if (text !== undefined) trigger.text = text;
  if (automation !== undefined) trigger.automation = automation;
  const answer = await callGateway<{ envelope: IDataObject; run: IDataObject }>(
    context,
    'POST',
    '/v1/envelopes',
    {
      trigger,
      executionId: context.getExecutionId(),
      workflowId: context.getWorkflow().id,
      nodeId: context.getNode().id,
      itemIndex: index,
    },
  );
  return answer.ok ? { envelope: answer.value.envelope, run: answer.value.run } : { refusal: answer.refusal };
}
