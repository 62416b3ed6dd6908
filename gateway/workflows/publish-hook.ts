import { z } from 'zod';
import { readExemptions, withoutExempted } from './exemptions.ts';
import type { Finding } from './findings.ts';
import { concernsOthers } from './graph.ts';
import { findUngoverned } from './guard.ts';
import { readWorkflow, type Workflow } from './workflow.ts';

/**
 * An external hook of n8n (EXTERNAL_HOOK_FILES): looks at each workflow before n8n publishes it. n8n shows what is thrown
 * here to the builder, in the editor and in its API.
 *
 * `GATEHOUSE_FLOW_GUARD` is `off`, `warn` (into n8n's log) or `enforce`; `GATEHOUSE_POLICIES_DIR` is where
 * `workflows.yaml` lies. n8n does not start with any other mode: a word with a typing error must not switch it off.
 */
const { GATEHOUSE_FLOW_GUARD: mode, GATEHOUSE_POLICIES_DIR: policiesDir } = z
  .object({
    GATEHOUSE_FLOW_GUARD: z.enum(['off', 'warn', 'enforce']).default('warn'),
    GATEHOUSE_POLICIES_DIR: z.string().optional(),
  })
  .parse(process.env);

/** What n8n hands to a hook as `this`: its repositories. */
interface HookContext {
  dbCollections: {
    Workflow: { find(options: { where: object; relations: string[] }): Promise<StoredWorkflow[]> };
  };
}

interface StoredWorkflow {
  id: string;
  name: string;
  nodes: unknown;
  connections: unknown;
  /** the published version */
  activeVersion: { nodes: unknown; connections: unknown } | null;
}

async function beforePublishing(this: HookContext, candidate: StoredWorkflow): Promise<void> {
  try {
    const findings = await judge(this, candidate);
    if (findings.length > 0) throw refusal(findings, candidate.id);
  } catch (error) {
    if (mode === 'enforce') throw error;
    process.stderr.write(`Gatehouse, "${candidate.name}": ${(error as Error).message}\n`);
  }
}

async function judge(context: HookContext, candidate: StoredWorkflow): Promise<Finding[]> {
  const subject = readWorkflow(candidate, `"${candidate.name}"`);
  const world = concernsOthers(subject) ? await others(context, subject.id) : [];
  const found = findUngoverned([subject, ...world], subject.id);
  if (found.length === 0) return [];
  const exemptions = policiesDir === undefined ? [] : await readExemptions(policiesDir);
  return withoutExempted(found, exemptions, new Date()).findings;
}

/** The other workflows as they are published, or as they stand where they are not. */
async function others({ dbCollections }: HookContext, id: string): Promise<Workflow[]> {
  const stored = await dbCollections.Workflow.find({
    where: { isArchived: false },
    relations: ['activeVersion'],
  });
  return stored.flatMap((row) => {
    if (row.id === id) return [];
    const { nodes, connections } = row.activeVersion ?? row;
    try {
      return [readWorkflow({ id: row.id, name: row.name, nodes, connections }, row.name)];
    } catch {
      // A call into it finds no workflow, which is a finding.
      return [];
    }
  });
}

const shown = 3;

/** The error that n8n shows; it knows the node to point at, where that is in the workflow that was to be published. */
function refusal(findings: Finding[], subject: string): Error {
  const told = findings.slice(0, shown).map(({ why, remedy, code }) => `${why} ${remedy} (${code})`);
  const more = findings.slice(shown).map(({ node }) => `"${node.name}"`);
  if (more.length > 0) told.push(`Not governed either: ${more.join(', ')}.`);
  const node = findings.find(({ workflow }) => workflow.id === subject)?.node;
  const { WorkflowActivationError } = require.main?.require('n8n-workflow') as {
    WorkflowActivationError: new (message: string, options: object) => Error;
  };
  return new WorkflowActivationError(told.join(' '), { node, level: 'warning' });
}

export const workflow = mode === 'off' ? {} : { activate: [beforePublishing] };
