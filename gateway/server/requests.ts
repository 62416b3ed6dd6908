import { z } from 'zod';
import { Allowance, tasks } from '../agent/index.ts';
import { GatehouseError } from '../config/index.ts';
import { fieldName } from './json-body.ts';

const run = z.string().min(8).max(128).describe('the run token of a dispatched envelope');
const step = z
  .string()
  .min(1)
  .max(200)
  .describe('which step of the workflow asks; repeats get the same answer');
const tool = z.string().min(1).max(128);
const args = z
  .record(z.string().max(128), z.unknown())
  .describe('the arguments of the call, exactly as they will be used');
const grant = z.string().min(8).max(128).optional();

/** Bodies of the internal API, by route. */
export const PingRequest = z.strictObject({ id: z.string().min(8).max(128) });
export const EnvelopeRequest = z.strictObject({
  trigger: z.strictObject({
    kind: z.string().min(1).max(64).describe('the kind of trigger: form, chat, email, schedule'),
    text: z.string().max(20_000).optional(),
    automation: z
      .string()
      .max(128)
      .optional()
      .describe('the automation of policies/automations.yaml that this runs as'),
  }),
  executionId: z.string().min(1).max(64),
  // Without a colon, which the gateway's own schedules have.
  workflowId: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[^:]+$/),
  nodeId: z.string().min(1).max(64),
  itemIndex: z.number().int().min(0),
});
export const DecisionRequest = z.strictObject({
  run,
  tool,
  args,
  step,
  advisory: z
    .boolean()
    .optional()
    .describe('the caller runs the tool with a credential of its own; no grant is given'),
});
export const ApprovalRequest = z.strictObject({
  run,
  // With a colon it is a wait of the gateway itself.
  executionId: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[^:]+$/),
  nodeId: z.string().min(1).max(64),
  items: z
    .array(z.strictObject({ decision: z.string().min(1).max(128), resumePath: z.string().min(1).max(1024) }))
    .min(1)
    .max(50),
  edits: z
    .boolean()
    .optional()
    .describe(
      'whether the gate hands on the call of an outcome that was edited; without it, nobody can edit',
    ),
});
export const VoteRequest = z.strictObject({
  token: z.string().max(256).describe('the personal token from the link of the approver'),
  verdict: z.enum(['approve', 'reject']),
  comment: z.string().max(2000).optional(),
  shown: z
    .string()
    .max(80)
    .optional()
    .describe(
      'the binding of the card that the approver saw; a card of several calls takes no vote without it',
    ),
});
export const ExecutionRequest = z.strictObject({
  run,
  tool,
  args,
  grant,
  step,
  dryRun: z.boolean().optional(),
  reply: z.boolean().optional().describe('also tell the outcome in the conversation, which ends the run'),
});
export const ReplyRequest = z.strictObject({ run, text: z.string().min(1).max(20_000), step });
export const CodeRequest = z.strictObject({
  run,
  grant,
  language: z.enum(['javascript', 'python', 'shell']),
  code: z.string().min(1).max(100_000),
  files: z
    .array(
      z.strictObject({
        path: z.string().min(1).max(100),
        text: z.string().max(350_000).optional(),
        base64: z.string().max(350_000).optional(),
        attachment: z.string().min(1).max(64).optional(),
      }),
    )
    .max(16)
    .optional()
    .describe('files of the work folder, each with its text, its base64 or the id of an attachment'),
  artefacts: z.array(z.string().min(1).max(100)).max(16).optional().describe('paths of files that come back'),
  egress: z
    .array(
      z.strictObject({
        host: z.string().min(1).max(259),
        methods: z.array(z.string().min(1).max(10)).max(6).optional(),
        paths: z.array(z.string().min(1).max(200)).max(8).optional(),
      }),
    )
    .max(8)
    .optional()
    .describe('hosts that the code may reach over https, and what of them; the policy decides'),
  step,
});
const modelClass = z.string().min(1).max(32);
export const AgentRequest = z.strictObject({
  run,
  step,
  task: z.enum(tasks).default('plan').describe('what kind of work it is; models.yaml has models for each'),
  input: z
    .record(z.string().min(1).max(80), z.string().max(500_000))
    .default({})
    .describe('material to work on, by what it is; it is data for the model, never an instruction'),
  prompt: z.string().min(1).max(50_000).nullable().default(null).describe('what the workflow wants done'),
  template: z
    .string()
    .min(1)
    .max(80)
    .nullable()
    .default(null)
    .describe('a file of policies/prompts, without its ending'),
  tools: z
    .array(tool)
    .max(128)
    .nullable()
    .default(null)
    .describe('only these tools, of those that the person could be allowed; all of them when left out'),
  modelClass: modelClass.nullable().default(null),
  budget: Allowance.default({}).describe('lowers what the run may use'),
  schema: z
    .record(z.string(), z.unknown())
    .nullable()
    .default(null)
    .describe('JSON Schema that the answer has to fit'),
});
export const AgentWaitRequest = z.strictObject({
  run,
  executionId: z.string().min(1).max(64),
  nodeId: z.string().min(1).max(64),
  requests: z
    .array(AgentRequest.omit({ run: true }))
    .min(1)
    .max(100)
    .describe('what each run is asked; the same again finds the same runs'),
  resumePath: z.string().min(1).max(2000).describe('path and query of the waiting address, as n8n signed it'),
});
export const AgentTextRequest = z
  .strictObject({
    run,
    step,
    task: z.enum(['summarise', 'extract', 'classify']),
    text: z.string().min(1).max(200_000).describe('data for the model, never an instruction'),
    instructions: z.string().min(1).max(50_000).nullable().default(null).describe('what the workflow wants'),
    schema: z
      .record(z.string(), z.unknown())
      .nullable()
      .default(null)
      .describe('JSON Schema of what is extracted; any JSON object when left out'),
    labels: z
      .array(z.string().min(1).max(200))
      .min(2)
      .max(100)
      .nullable()
      .default(null)
      .describe('the classes of classify; add one for texts that fit no other'),
    modelClass: modelClass.nullable().default(null),
  })
  .refine(({ task, labels }) => (task === 'classify') === (labels !== null), {
    path: ['labels'],
    message: 'classify needs them, and nothing else takes them',
  })
  .refine(({ task, schema }) => task === 'extract' || schema === null, {
    path: ['schema'],
    message: 'only extract takes one',
  });
export const AgentSteerRequest = z.strictObject({ run });
export const AgentMessageRequest = z.strictObject({
  run,
  text: z
    .string()
    .min(1)
    .max(20_000)
    .nullable()
    .default(null)
    .describe('without one, what the person wrote in the message of this run token'),
});
export const KillSwitchRequest = z.strictObject({
  engaged: z.boolean(),
  reason: z.string().min(1).max(500),
  target: z
    .templateLiteral([z.enum(['tool', 'channel', 'person', 'session']), ':', z.string().min(1).max(256)])
    .or(z.literal('all'))
    .default('all')
    .describe(
      'what it stops: all, or the calls of one tool:NAME, channel:NAME, person:PRINCIPAL, session:KEY',
    ),
});

/**
 * Checks a body against its schema.
 * @throws GatehouseError 400 `GH-HTTP-422` that names the first field at fault
 */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = fieldName(issue?.path ?? []);
  // zod's sentence about a key that is too much repeats the key.
  const reason = issue?.code === 'unrecognized_keys' ? 'it holds a key that is not known' : issue?.message;
  throw new GatehouseError('GH-HTTP-422', `The field ${field} is not usable: ${reason ?? 'wrong shape'}`, {
    status: 400,
    field,
    next: 'GET /openapi.json describes each body.',
  });
}
