import { z } from 'zod';
import { GatehouseError } from '../config/index.ts';

const NodeSchema = z.object({
  name: z.string(),
  type: z.string(),
  typeVersion: z.number().nullish(),
  id: z.string().nullish(),
  disabled: z.boolean().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  credentials: z.record(z.string(), z.unknown()).nullish(),
});

const ConnectionSchema = z.object({ node: z.string(), type: z.string() });

/** A workflow as n8n exports and stores it; only what the guard looks at. */
const WorkflowSchema = z.object({
  id: z.string().min(1),
  name: z.string(),
  nodes: z
    .array(NodeSchema)
    .refine(
      (nodes) => new Set(nodes.map(({ name }) => name)).size === nodes.length,
      'two nodes have one name',
    ),
  /** by the node that the connection leaves, by its type, by output */
  connections: z.record(z.string(), z.record(z.string(), z.array(z.array(ConnectionSchema).nullable()))),
});

/** A node of a workflow. */
export type WorkflowNode = z.output<typeof NodeSchema>;

/** A workflow. */
export type Workflow = z.output<typeof WorkflowSchema>;

/**
 * @param where what the workflow came from, for the error
 * @throws GatehouseError `GH-FLOW-007` when it is no workflow, or one that can be read in two ways
 */
export function readWorkflow(value: unknown, where: string): Workflow {
  const parsed = WorkflowSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue?.path.join('.') || 'the workflow';
  throw new GatehouseError('GH-FLOW-007', `${where}: ${place}: ${issue?.message ?? 'wrong shape'}`, {
    next: 'Export the workflow from n8n again, and give each node a name of its own.',
    cause: parsed.error,
  });
}
