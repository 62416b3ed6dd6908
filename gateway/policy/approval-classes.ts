import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { riskClasses } from '../catalogue/index.ts';
import { GatehouseError } from '../config/index.ts';
import { toCents } from './money.ts';

const quorum = z.number().int().min(1).max(10);
const cents = z.string().transform((amount, context) => {
  const value = toCents(amount);
  if (value !== null) return value;
  context.addIssue({
    code: 'custom',
    message: 'write the amount as text with at most two decimals, such as "1000.00"',
  });
  return z.NEVER;
});
const ApprovalClass = z.strictObject({
  groups: z.array(z.string().min(1)),
  quorum,
  from: z
    .array(z.strictObject({ currency: z.string().regex(/^[A-Z]{3}$/), amount: cents, quorum }))
    .default([]),
  strict: z.boolean().default(false),
});
const ApprovalsFile = z.strictObject({ classes: z.partialRecord(z.enum(riskClasses), ApprovalClass) });

/** Who is asked for one risk class. */
export type ApprovalClass = z.output<typeof ApprovalClass>;

/** `approvals.yaml`, and the form of it that the rules read. */
export interface ApprovalClasses {
  get(risk: string): ApprovalClass | undefined;
  readonly data: Record<string, unknown>;
}

/**
 * Reads who is asked for what.
 * @throws GatehouseError `GH-POLICY-011` that names file, line and fault
 */
export async function readApprovalClasses(policiesDir: string): Promise<ApprovalClasses> {
  const path = join(policiesDir, 'approvals.yaml');
  const lines = new LineCounter();
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw unusable([`${path}: cannot be read`], cause);
  }
  const document = parseDocument(text, { lineCounter: lines });
  const faults = document.errors.map(
    (error) => `${path}:${lines.linePos(error.pos[0]).line}: ${error.message.split('\n')[0]}`,
  );
  if (faults.length > 0) throw unusable(faults);
  const parsed = ApprovalsFile.safeParse(document.toJS());
  if (!parsed.success) {
    throw unusable(
      parsed.error.issues.map((issue) => {
        const node = document.getIn(issue.path.map(String), true) as
          { range?: [number, number, number] } | undefined;
        const line = node?.range ? lines.linePos(node.range[0]).line : 1;
        return `${path}:${line}: ${issue.path.join('.')}: ${issue.message}`;
      }),
    );
  }
  const classes = new Map(Object.entries(parsed.data.classes));
  const data = Object.fromEntries(
    [...classes].map(([risk, entry]) => [
      risk,
      {
        groups: entry.groups,
        quorum: entry.quorum,
        from: entry.from.map((step) => ({
          currency: step.currency,
          cents: step.amount,
          quorum: step.quorum,
        })),
        strict: entry.strict,
      },
    ]),
  );
  return { get: (risk) => classes.get(risk), data };
}

function unusable(faults: string[], cause?: unknown): GatehouseError {
  return new GatehouseError(
    'GH-POLICY-011',
    `The approval classes are not usable:\n  ${faults.join('\n  ')}`,
    {
      status: 500,
      next: 'Correct the lines named above.',
      cause,
    },
  );
}
