import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readYamlFile } from '../sessions/index.ts';
import type { Finding } from './findings.ts';

const ExemptionsFileSchema = z.strictObject({
  exempt: z
    .array(
      z.strictObject({
        workflow: z.string().min(1).describe('id or name of the workflow in n8n'),
        node: z.string().min(1).describe('name of the node'),
        reason: z.string().min(10, 'a reason is a sentence').max(500),
        owner: z.string().min(1).describe('who answers for it'),
        until: z.iso.date().optional().describe('the last day, in UTC, on which it counts'),
      }),
    )
    .refine(
      (list) =>
        new Set(list.map(({ workflow, node }) => JSON.stringify([workflow, node]))).size === list.length,
      'a node stands twice',
    ),
});

/** A risky node that somebody answers for. */
export type Exemption = z.output<typeof ExemptionsFileSchema>['exempt'][number];

/**
 * The exemptions of `workflows.yaml`; without the file there are none.
 * @throws GatehouseError `GH-SESSIONS-001` naming file, line and reason
 */
export async function readExemptions(policiesDir: string): Promise<Exemption[]> {
  const file = join(policiesDir, 'workflows.yaml');
  if (!existsSync(file)) return [];
  return (await readYamlFile(file, ExemptionsFileSchema)).exempt;
}

/**
 * Takes out the findings that an exemption answers for. One that has run out answers for nothing, and its finding says so.
 * @returns what is left, and the exemptions in force that no finding needed
 */
export function withoutExempted(
  findings: Finding[],
  exemptions: Exemption[],
  now: Date,
): { findings: Finding[]; unused: Exemption[] } {
  const today = now.toISOString().slice(0, 10);
  const used = new Set<Exemption>();
  const left = findings.flatMap((finding) => {
    const matching = exemptions.filter(
      ({ workflow, node }) =>
        node === finding.node.name &&
        (workflow === finding.workflow.id || workflow === finding.workflow.name),
    );
    for (const exemption of matching) used.add(exemption);
    if (matching.some(({ until }) => until === undefined || until >= today)) return [];
    const [ended] = matching;
    return ended ? [{ ...finding, why: `${finding.why} Its exemption ended on ${ended.until}.` }] : [finding];
  });
  return { findings: left, unused: exemptions.filter((exemption) => !used.has(exemption)) };
}
