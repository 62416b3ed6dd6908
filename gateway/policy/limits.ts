import { join } from 'node:path';
import { z } from 'zod';
import { dataClasses } from '../catalogue/index.ts';
import { GatehouseError, readYamlFile } from '../config/index.ts';
import { digestOfText } from '../envelope/index.ts';
import { BudgetSchema, DailyLimitsSchema, type Budget } from './budgets.ts';

const dataClass = z.enum(dataClasses);
const unique = (list: readonly { name: string }[]): boolean =>
  new Set(list.map(({ name }) => name)).size === list.length;

/** The part of `limits.yaml` that the rules read; how many messages are handled is read where they are. */
const LimitsFile = z.looseObject({
  pendingAsks: z.number().int().min(1).max(100).default(3),
  conversations: z
    .strictObject({
      dm: dataClass.default('personal'),
      private: dataClass.default('confidential'),
      public: dataClass.default('internal'),
      external: dataClass.default('public'),
    })
    .prefault({}),
  budgets: z.array(BudgetSchema).max(1000).refine(unique, 'a name stands twice').default([]),
});

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const Constraint = z
  .strictObject({
    const: scalar.optional(),
    enum: z.array(scalar).min(1).max(1000).optional(),
    pattern: z.string().min(1).max(500).refine(isPattern, 'is not a regular expression').optional(),
  })
  .refine((given) => Object.keys(given).length === 1, 'say one of `const`, `enum` and `pattern`')
  .transform(({ const: value, enum: values = [value], pattern }) =>
    // The whole value has to fit; `\z` is its very end, where `$` would leave room for a line break.
    pattern === undefined ? { enum: values } : { pattern: `\\A(?:${pattern})\\z` },
  );

/** The part of `automations.yaml` that the rules read. */
const AutomationsFile = z.looseObject({
  automations: z.array(
    z.looseObject({
      name: z.string(),
      tools: z
        .array(
          z.strictObject({
            tool: z.string(),
            args: z.record(z.string(), Constraint).default({}),
            limits: DailyLimitsSchema.prefault({}),
          }),
        )
        .refine((list) => new Set(list.map(({ tool }) => tool)).size === list.length, 'a tool stands twice')
        .default([]),
    }),
  ),
});

/** What the rules hold calls against, besides who approves. */
export interface PolicyLimits {
  /** Digest of all of it. */
  version: string;
  budgets: Budget[];
  /** Requests of one session that may wait at once. */
  pendingAsks: number;
  /** What the rules read as `data`. */
  data: { limits: object; automations: object };
}

/**
 * Reads budgets, limits of conversations and what automations may do.
 * @throws GatehouseError `GH-POLICY-012` that names file, line and fault
 */
export async function readLimits(policiesDir: string): Promise<PolicyLimits> {
  const limits = await readOne(join(policiesDir, 'limits.yaml'), LimitsFile);
  const { automations } = await readOne(join(policiesDir, 'automations.yaml'), AutomationsFile);
  const principalOf = (name: string): string => `automation:${name}`;
  const { pendingAsks, conversations } = limits;
  const read = {
    budgets: [
      ...limits.budgets,
      ...automations.flatMap(({ name, tools }) =>
        tools.flatMap(({ tool, limits: { spend, calls } }): Budget[] => {
          const own = { per: 'person-day' as const, tool, principal: principalOf(name) };
          return [
            ...(spend ? [{ ...own, name: `${own.principal}:${tool}:spend`, spend }] : []),
            ...(calls === undefined ? [] : [{ ...own, name: `${own.principal}:${tool}:calls`, calls }]),
          ];
        }),
      ),
    ],
    data: {
      limits: { pendingAsks, conversations },
      automations: Object.fromEntries(
        automations.map(({ name, tools }) => [
          principalOf(name),
          Object.fromEntries(
            tools.map(({ tool, args, limits: daily }) => [tool, { args, spend: daily.spend !== undefined }]),
          ),
        ]),
      ),
    },
  };
  return { ...read, pendingAsks, version: digestOfText(JSON.stringify(read)) };
}

function isPattern(pattern: string): boolean {
  try {
    new RegExp(pattern, 'u');
    return true;
  } catch {
    return false;
  }
}

async function readOne<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
  const file = await readYamlFile(path, schema, { namesKeys: true });
  if (file?.faults === null) return file.value;
  const faults = file?.faults ?? [`${path}: cannot be read`];
  throw new GatehouseError('GH-POLICY-012', `The limits are not usable:\n  ${faults.join('\n  ')}`, {
    status: 500,
    next: 'Correct the lines named above.',
    cause: file?.cause,
  });
}
