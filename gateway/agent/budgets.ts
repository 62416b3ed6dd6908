import { shortCharges, type Charge } from '../policy/index.ts';
import type { Queryable } from '../db/index.ts';
import { inWords, micros, type Allowance, type ModelsFile } from './models/index.ts';
import type { Claimed } from './types.ts';

/** What a run may use where models.yaml says nothing: no run is without an end. A default, as docs/agent.md says, and no ceiling. */
const standard: Required<Omit<Allowance, 'spend'>> = { steps: 30, tokens: 300_000, seconds: 900, calls: 50 };

/** What is taken, by its unit. Money is in millionths of the currency. */
export interface Need {
  steps?: number;
  tokens?: number;
  spend?: number;
  seconds?: number;
  calls?: number;
}
const units = ['steps', 'tokens', 'spend', 'seconds', 'calls'] as const;

/** What a step of a run takes from which budgets. */
export function chargesFor(
  file: Pick<ModelsFile, 'budgets'>,
  run: Pick<Claimed, 'id' | 'sessionKey' | 'principal' | 'request'>,
  need: Need,
): Charge[] {
  const shared = file.budgets.filter(({ per }) => per !== 'run');
  const one = { per: 'run' as const, ...allowanceOf(file, run.request?.budget ?? {}) };
  return [one, ...shared].flatMap(({ per, ...allowance }) =>
    units.flatMap((unit): Charge[] => {
      const allowed = allowance[unit];
      const amount = need[unit] ?? 0;
      // What takes nothing, such as a model without a price, needs no budget.
      if (allowed === undefined || amount === 0) return [];
      return [
        {
          budget: `agent.${per}.${unit}`,
          holder: holderOf(per, run),
          daily: per.endsWith('day'),
          amount,
          allowed: typeof allowed === 'string' ? micros(allowed) : allowed,
          unit: `agent.${unit}`,
        },
      ];
    }),
  );
}

/**
 * What one run may use at most, whatever is left of the budgets that it shares with others: a caller can only lower what models.yaml
 * says.
 */
export const allowanceOf = (file: Pick<ModelsFile, 'budgets'>, wished: Allowance): Allowance =>
  smallest([smallest(file.budgets.filter(({ per }) => per === 'run')), wished]);

/** The least that is said of each unit, or what holds where nobody says anything. */
function smallest(allowances: readonly Allowance[]): Allowance {
  const least = (unit: Exclude<keyof Allowance, 'spend'>): number => {
    const said = allowances.flatMap((allowance) => allowance[unit] ?? []);
    return said.length === 0 ? standard[unit] : Math.min(...said);
  };
  const spends = allowances.flatMap(({ spend }) => (spend === undefined ? [] : [spend]));
  const spend = spends.sort((a, b) => micros(a) - micros(b))[0];
  const numbers = {
    steps: least('steps'),
    tokens: least('tokens'),
    seconds: least('seconds'),
    calls: least('calls'),
  };
  return { ...numbers, ...(spend !== undefined && { spend }) };
}

function holderOf(
  per: ModelsFile['budgets'][number]['per'],
  { id, sessionKey, principal }: Pick<Claimed, 'id' | 'sessionKey' | 'principal'>,
): string {
  if (per === 'run') return id;
  if (per === 'day') return '';
  return per.startsWith('person') ? (principal ?? '') : sessionKey;
}

const words: Record<string, string> = {
  run: 'of this run',
  person: 'of the person',
  session: 'of the conversation',
  day: 'of the day',
  'person-day': 'of the person for today',
  'session-day': 'of the conversation for today',
};

/** @returns which budget has not enough left, as a sentence; null where by now all have */
export async function shortInWords(
  db: Queryable,
  charges: readonly Charge[],
  currency: string,
): Promise<string | null> {
  const [short] = await shortCharges(db, charges);
  if (!short) return null;
  const { charge, used } = short;
  const [, per = '', unit = ''] = charge.budget.split('.');
  const amount = (value: number): string =>
    unit === 'spend' ? inWords(value, currency) : `${value} ${unit}`;
  return `The budget ${words[per] ?? per} is ${amount(charge.allowed)}, ${amount(used)} are used, and the next step may take ${amount(charge.amount)}.`;
}
