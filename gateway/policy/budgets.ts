import { z } from 'zod';
import { amountOf, mostTokens, riskClasses, type Tool } from '../catalogue/index.ts';
import { fromCents, moneyAmount, toCents } from './money.ts';
import type { RunContext } from './types.ts';

const count = z.number().int().min(1).max(1_000_000_000);

/** One budget of `limits.yaml`. */
export const BudgetSchema = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
    per: z
      .enum(['person', 'session', 'day', 'person-day', 'session-day'])
      .describe(
        'who has one of their own; a day is a UTC day of Postgres’s clock, `day` alone is shared by all',
      ),
    tool: z.string().optional(),
    risk: z.enum(riskClasses).optional(),
    spend: moneyAmount.optional(),
    calls: count.optional(),
    tokens: count.optional().describe('of language models, prompt and answer together'),
  })
  .refine(({ tool, risk }) => (tool === undefined) !== (risk === undefined), 'say either `tool` or `risk`')
  .refine(
    ({ spend, calls, tokens }) => [spend, calls, tokens].filter((limit) => limit !== undefined).length === 1,
    'say either `spend`, `calls` or `tokens`',
  );

/** How much an automation may do with one of its tools in a day. */
export const DailyLimitsSchema = z.strictObject({ spend: moneyAmount.optional(), calls: count.optional() });

/** How much may be done with a tool or a class of tools. */
export type Budget = z.output<typeof BudgetSchema> & {
  /** The only principal that it is for. */
  principal?: string;
};

/** What a call takes from one budget. */
export interface Charge {
  budget: string;
  holder: string;
  daily: boolean;
  /** In hundredths where the unit is a currency. */
  amount: number;
  allowed: number;
  /** A currency (ISO 4217), `calls` or `tokens`. */
  unit: string;
}

/** What a call takes from all budgets that name it. */
export interface Charges {
  charges: Charge[];
  /**
   * The call takes what a budget names and does not say how much in its unit: money of another currency or of no amount,
   * tokens without a bound.
   */
  uncovered: boolean;
}

/** Finds what a call takes from which budgets. */
export function chargesOf(
  budgets: readonly Budget[],
  run: Pick<RunContext, 'principal' | 'sessionKey'>,
  tool: Tool,
  args: Record<string, unknown>,
): Charges {
  const named = budgets.filter((budget) => isFor(budget, run, tool));
  if (named.length === 0) return none;
  const covered = new Set<string>();
  const charges = named.flatMap((budget): Charge[] => {
    const need = needOf(budget, tool, args);
    if (!need) return [];
    covered.add(sameLimit(budget));
    return [
      { budget: budget.name, holder: holderOf(budget, run), daily: budget.per.endsWith('day'), ...need },
    ];
  });
  return { charges, uncovered: named.some((budget) => !covered.has(sameLimit(budget))) };
}

/** What a call takes in the unit of a budget; null where it does not say. */
function needOf(
  { spend, calls, tokens }: Budget,
  tool: Tool,
  args: Record<string, unknown>,
): Pick<Charge, 'amount' | 'allowed' | 'unit'> | null {
  if (calls !== undefined) return { amount: 1, allowed: calls, unit: 'calls' };
  if (tokens !== undefined) {
    const most = mostTokens(tool, args);
    return most === null ? null : { amount: most, allowed: tokens, unit: 'tokens' };
  }
  const cents = tool.money ? toCents(args[tool.money.amount]) : null;
  if (!spend || !tool.money || cents === null || args[tool.money.currency] !== spend.currency) return null;
  return { amount: cents, allowed: spend.amount, unit: spend.currency };
}

/** Whether a budget may name a call of this tool. */
export const isFor = (budget: Budget, run: Pick<RunContext, 'principal'>, tool: Tool): boolean =>
  (budget.tool === tool.name || budget.risk === tool.risk) &&
  (budget.principal === undefined || budget.principal === run.principal);

const none: Charges = Object.freeze({ charges: [], uncovered: false });

/** Budgets of one limit in several currencies: one of them has to have the call's. */
const sameLimit = ({ per, tool, risk, principal, calls, tokens }: Budget): string =>
  JSON.stringify([per, tool, risk, principal, calls !== undefined, tokens !== undefined]);

function holderOf({ per }: Budget, run: Pick<RunContext, 'principal' | 'sessionKey'>): string {
  if (per === 'day') return '';
  return per.startsWith('person') ? (run.principal ?? '') : run.sessionKey;
}

/** What is left of a budget, for people: `80.00 EUR are left today`. */
export function leftInWords(charge: Charge, used: number): string {
  const left = Math.max(0, charge.allowed - used);
  const today = charge.daily ? ' today' : '';
  if (charge.unit !== 'calls' && charge.unit !== 'tokens')
    return `${amountOf(fromCents(left))} ${charge.unit} are left${today}`;
  const words = left === 1 ? `${charge.unit.slice(0, -1)} is` : `${charge.unit} are`;
  return `${left} ${words} left${today}`;
}
