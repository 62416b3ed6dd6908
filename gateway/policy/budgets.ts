import { z } from 'zod';
import { amountOf, riskClasses, type Tool } from '../catalogue/index.ts';
import { toCents } from './money.ts';
import { moneyAmount } from './money.ts';
import type { RunContext } from './types.ts';

const calls = z.number().int().min(1).max(1_000_000_000);

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
    calls: calls.optional(),
  })
  .refine(({ tool, risk }) => (tool === undefined) !== (risk === undefined), 'say either `tool` or `risk`')
  .refine(
    (entry) => (entry.spend === undefined) !== (entry.calls === undefined),
    'say either `spend` or `calls`',
  );

/** How much an automation may do with one of its tools in a day. */
export const DailyLimitsSchema = z.strictObject({ spend: moneyAmount.optional(), calls: calls.optional() });

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
  /** Hundredths of the currency, or calls. */
  amount: number;
  allowed: number;
  /** Null where calls are counted. */
  currency: string | null;
}

/** What a call takes from all budgets that name it. */
export interface Charges {
  charges: Charge[];
  /** The call spends money for which a budget should be there and is not: in another currency, or of no amount. */
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
  const cents = tool.money ? toCents(args[tool.money.amount]) : null;
  const currency = tool.money ? args[tool.money.currency] : null;
  const covering = named.filter(
    ({ spend }) => spend === undefined || (cents !== null && spend.currency === currency),
  );
  const covered = new Set(covering.filter(({ spend }) => spend).map(sameLimit));
  return {
    charges: covering.map((budget) => ({
      budget: budget.name,
      holder: holderOf(budget, run),
      daily: budget.per.endsWith('day'),
      amount: budget.spend ? (cents ?? NaN) : 1,
      allowed: budget.spend?.amount ?? budget.calls ?? 0,
      currency: budget.spend?.currency ?? null,
    })),
    uncovered: named.some((budget) => budget.spend && !covered.has(sameLimit(budget))),
  };
}

/** Whether a budget may name a call of this tool. */
export const isFor = (budget: Budget, run: Pick<RunContext, 'principal'>, tool: Tool): boolean =>
  (budget.tool === tool.name || budget.risk === tool.risk) &&
  (budget.principal === undefined || budget.principal === run.principal);

const none: Charges = Object.freeze({ charges: [], uncovered: false });

/** Budgets of one limit in several currencies: one of them has to have the call's. */
const sameLimit = ({ per, tool, risk, principal }: Budget): string =>
  JSON.stringify([per, tool, risk, principal]);

function holderOf({ per }: Budget, run: Pick<RunContext, 'principal' | 'sessionKey'>): string {
  if (per === 'day') return '';
  return per.startsWith('person') ? (run.principal ?? '') : run.sessionKey;
}

/** What is left of a budget, for people: `80.00 EUR are left today`. */
export function leftInWords(charge: Charge, used: number): string {
  const left = Math.max(0, charge.allowed - used);
  const today = charge.daily ? ' today' : '';
  if (charge.currency === null) return `${left} ${left === 1 ? 'call is' : 'calls are'} left${today}`;
  const text = String(left).padStart(3, '0');
  return `${amountOf(`${text.slice(0, -2)}.${text.slice(-2)}`)} ${charge.currency} are left${today}`;
}
