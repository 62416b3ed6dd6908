import { z } from 'zod';

const reasons = z.array(z.strictObject({ code: z.string(), text: z.string() }));
const time = z.iso.datetime({ offset: true });

/** What `POST /v1/decisions` answers. */
export const DecisionAnswer = z.strictObject({
  id: z.string(),
  effect: z.enum(['allow', 'confirm', 'approve', 'deny']),
  tool: z.string(),
  digest: z.string(),
  reasons,
  approvers: z
    .strictObject({ groups: z.array(z.string()), quorum: z.number().int(), excludeRequester: z.boolean() })
    .nullable(),
  grant: z.string().nullable().describe('single use, for exactly these arguments; null unless allowed'),
  policy: z.strictObject({ version: z.string(), engine: z.string() }),
  expiresAt: time,
});

/** What `POST /v1/executions` answers. */
export const ExecutionAnswer = z.strictObject({
  status: z.enum(['succeeded', 'failed', 'denied', 'needs_approval', 'unknown', 'planned', 'dry_run']),
  text: z.string().optional().describe('the outcome as one readable sentence'),
  result: z.json().optional(),
  reasons: reasons.optional(),
  receipt: z.uuid().optional(),
  attempt: z.string().optional(),
  decision: z.string().optional(),
  replayed: z.boolean().optional().describe('true when this is the recorded outcome of an earlier call'),
  replied: z
    .boolean()
    .optional()
    .describe('whether the outcome was told in the conversation, where that was asked for'),
});

export const KillSwitchesAnswer = z.strictObject({
  switches: z.array(z.strictObject({ target: z.string(), reason: z.string(), by: z.string(), since: time })),
});
/** What the routes of agent runs answer. */
export const AgentRunAnswer = z.strictObject({
  id: z.uuid(),
  state: z.enum(['queued', 'running', 'waiting', 'paused', 'done', 'failed', 'stopped']),
  task: z.string(),
  principal: z.string().nullable(),
  endedBy: z.string().nullable().describe('why it ended: `answer`, `budget`, `loop`, `person`, …'),
  result: z
    .strictObject({ text: z.string(), output: z.json().optional() })
    .nullable()
    .describe('what it came to, or what was achieved before it ended'),
  waitsFor: z.array(z.string()).describe('decisions that people are asked for'),
  lacks: z
    .strictObject({ code: z.string(), text: z.string(), next: z.string() })
    .nullable()
    .describe('the key of a model that it waits for, and what an administrator does about it'),
  used: z.strictObject({
    steps: z.number(),
    calls: z.number(),
    tokensIn: z.number(),
    tokensOut: z.number(),
    cost: z.number().describe('millionths of the currency'),
    seconds: z.number(),
  }),
  currency: z.string(),
  createdAt: time,
  finishedAt: time.nullable(),
  steps: z.array(z.looseObject({ number: z.number(), kind: z.string(), at: time })),
  receipts: z.array(z.string()).describe('ids of the receipts of what it did'),
});
const AgentRunRefused = z.strictObject({
  refused: z.strictObject({ code: z.string(), detail: z.string(), next: z.string().nullable() }),
});
export const AgentWaitAnswer = z.strictObject({
  runs: z
    .array(z.union([AgentRunAnswer, AgentRunRefused]))
    .describe('one a request, in their order: its run, or why there is none'),
  waitUntil: time.describe('n8n ends the wait by itself then; the gateway ends it when the runs have ended'),
});
/** What `POST /v1/agent/texts` answers. */
export const AgentTextAnswer = z.discriminatedUnion('status', [
  z.strictObject({
    status: z.literal('done'),
    output: z.json().describe('text; for extract what fits the schema, for classify one of the labels'),
    cached: z.boolean().describe('whether it was answered before, so that no model was asked'),
    model: z.string().nullable(),
    tokens: z.strictObject({ in: z.number(), out: z.number() }),
    spend: z.string().describe('such as `0.0012 EUR`'),
    receipt: z.string(),
  }),
  z.strictObject({ status: z.literal('failed'), reasons, text: z.string() }),
]);
export const RunAnswer = z.strictObject({ token: z.string(), expiresAt: time });
export const ApprovalsAnswer = z.strictObject({
  approvals: z.array(z.looseObject({ id: z.string(), state: z.string(), deadline: time })),
  waitUntil: time,
});
export const VoteAnswer = z.looseObject({ state: z.string(), message: z.string() });
export const ToolsAnswer = z.strictObject({
  tools: z.array(
    z.strictObject({
      name: z.string(),
      title: z.string(),
      description: z.string(),
      risk: z.string(),
      args: z.record(z.string(), z.json()).describe('JSON Schema of the arguments'),
    }),
  ),
});
