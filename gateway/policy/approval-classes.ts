import { join } from 'node:path';
import { z } from 'zod';
import { riskClasses } from '../catalogue/index.ts';
import { GatehouseError, readYamlFile } from '../config/index.ts';
import { digestOfText } from '../envelope/index.ts';
import { gateFields, unaskedFault } from './gate-fields.ts';
import { moneyAmount } from './money.ts';

const quorum = z.number().int().min(1).max(10);
const groups = z.array(z.string().min(1)).min(1, 'name at least one group; nobody is asked otherwise');
const share = z.number().gt(0).lt(1).describe('of the time until the deadline');
const shares = z.array(share).max(10).default([]);
/** What nobody can allow in advance, whatever the file says. */
export const neverStanding: ReadonlySet<string> = new Set(['code', 'access', 'delete']);

const StandingLimits = z
  .strictObject({
    maxHours: z.number().int().min(1).max(168),
    maxCalls: z.number().int().min(1).max(1000).optional(),
    maxTotal: moneyAmount.optional(),
  })
  .refine((limits) => (limits.maxCalls === undefined) !== (limits.maxTotal === undefined), {
    message: 'give either maxCalls or maxTotal',
  });
const ClassSchema = z.strictObject({
  groups,
  quorum: quorum.optional(),
  fourEyes: z.boolean().optional(),
  from: z.array(z.strictObject({ ...moneyAmount.shape, quorum })).default([]),
  escalate: z
    .array(z.strictObject({ after: share, groups }))
    .max(10)
    .default([]),
  remindAt: shares,
  strict: z.boolean().default(false),
  ...gateFields,
  standing: StandingLimits.optional(),
});
const ApprovalsFile = z.strictObject({
  classes: z.partialRecord(z.enum(riskClasses), ClassSchema).superRefine((classes, context) => {
    for (const [risk, { unasked, standing, from }] of Object.entries(classes)) {
      const complain = (field: string, message: string): void =>
        context.addIssue({ code: 'custom', path: [risk, field], message });
      const fault = unasked ? unaskedFault(risk, unasked) : null;
      if (fault !== null) complain('unasked', fault);
      if (!standing) continue;
      if (neverStanding.has(risk))
        complain('standing', 'calls of this class are never allowed in advance; delete this');
      else if ((risk === 'payment' || from.length > 0) && !standing.maxTotal)
        complain('standing', 'amounts matter here, so limit their sum: give maxTotal');
    }
  }),
});

/** Classes of which no one person decides alone, unless approvals.yaml says so. */
const fourEyed: readonly string[] = ['payment', 'prod_write'];

/** Who is asked for one risk class. */
export type ApprovalClass = z.output<typeof ClassSchema> & { quorum: number; fourEyes: boolean };

/** Who is there, and who belongs to which group. */
export interface Members {
  get(principal: string): unknown;
  byGroups(groups: readonly string[]): readonly unknown[];
}

/** `approvals.yaml`, and the form of it that the rules read. */
export interface ApprovalClasses {
  get(risk: string): ApprovalClass | undefined;
  /** Digest of all that the file says; part of the policy version. */
  readonly version: string;
  readonly data: Record<string, unknown>;
  /**
   * Holds the classes against the people: a group without a member, or a quorum that its groups cannot reach.
   * @throws GatehouseError `GH-POLICY-011` that names file, line and fault
   */
  check(people: Pick<Members, 'byGroups'>): void;
}

/**
 * Reads who is asked for what.
 * @throws GatehouseError `GH-POLICY-011` that names file, line and fault
 */
export async function readApprovalClasses(policiesDir: string): Promise<ApprovalClasses> {
  const path = join(policiesDir, 'approvals.yaml');
  const file = await readYamlFile(path, ApprovalsFile, { maxAliasCount: 100 });
  if (file?.faults !== null) throw unusable(file?.faults ?? [`${path}: cannot be read`], file?.cause);
  const { value, lineOf } = file;
  const describe = ({ at, text }: Fault): string => `${path}:${lineOf(at)}: ${at.join('.')}: ${text}`;
  const classes = new Map(
    Object.entries(value.classes).map(([risk, entry]): [string, ApprovalClass] => {
      const fourEyes = entry.fourEyes ?? fourEyed.includes(risk);
      return [risk, { ...entry, fourEyes, quorum: entry.quorum ?? (fourEyes ? 2 : 1) }];
    }),
  );
  const data = Object.fromEntries(
    [...classes].map(([risk, entry]) => [
      risk,
      {
        ...entry,
        from: stepsByCurrency(entry),
      },
    ]),
  );
  return {
    get: (risk) => classes.get(risk),
    version: digestOfText(JSON.stringify(value)),
    data,
    check(people) {
      const faults = [...classes].flatMap(([risk, entry]) => faultsOf(risk, entry, people));
      if (faults.length > 0) throw unusable(faults.map(describe));
    },
  };
}

/** The rules look the steps of a currency up, so that many currencies cost no more than few. */
function stepsByCurrency({ from }: ApprovalClass): Record<string, { cents: number; quorum: number }[]> {
  const byCurrency = Map.groupBy(from, ({ currency }) => currency);
  return Object.fromEntries(
    [...byCurrency].map(([currency, steps]) => [
      currency,
      steps.map((step) => ({ cents: step.amount, quorum: step.quorum })),
    ]),
  );
}

interface Fault {
  at: (string | number)[];
  text: string;
}

function faultsOf(risk: string, entry: ApprovalClass, people: Pick<Members, 'byGroups'>): Fault[] {
  const at = ['classes', risk];
  const lists = [
    { at: [...at, 'groups'], groups: entry.groups },
    ...entry.escalate.map((step, index) => ({
      at: [...at, 'escalate', index, 'groups'],
      groups: step.groups,
    })),
  ];
  const empty = lists.flatMap((list) =>
    list.groups.flatMap((group, index) =>
      people.byGroups([group]).length > 0
        ? []
        : [{ at: [...list.at, index], text: `nobody in people.yaml belongs to the group ${group}` }],
    ),
  );
  const size = people.byGroups(entry.groups).length;
  const quorums: Fault[] = [
    { at: [...at, 'quorum'], quorum: entry.quorum },
    ...entry.from.map((step, index) => ({ at: [...at, 'from', index, 'quorum'], quorum: step.quorum })),
    ...(['blast', 'firstTime'] as const).flatMap((name) => {
      const raised = entry[name]?.quorum;
      return raised === undefined ? [] : [{ at: [...at, name, 'quorum'], quorum: raised }];
    }),
  ]
    .filter((one) => empty.length === 0 && one.quorum > size)
    .map((one) => ({ at: one.at, text: `${one.quorum} have to agree, and its groups have ${size} members` }));
  return [...empty, ...quorums];
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
