import { Router, type Request } from 'express';
import { inWords, type Costs, type Watcher } from '../agent/index.ts';
import type { WebDeps } from './deps.ts';
import { page } from './render.ts';
import { nameOf } from './run-parts.ts';
import { signedIn } from './session.ts';

/** Steps of runs are kept for so long. */
const days = 8;

/** One bar of a chart. */
interface Bar {
  label: string;
  /** Of the highest bar, from 0 to 100. */
  share: number;
  /** Short, for over a column, and exact. */
  brief: string;
  text: string;
}

type Measure = 'cost' | 'tokens';

/** `GET /costs`: what language models used, by day, person, task and model; of everybody for those who may see that. */
export function costRoutes(deps: WebDeps): Router {
  const router = Router();
  router.get(
    '/costs',
    signedIn(deps, async (viewer, request, response) => {
      const all = viewer.seesAllReceipts || viewer.steers;
      const watcher: Watcher = { principal: viewer.principal, all };
      const [byDay, byPerson, byTask, byModel] = await Promise.all(
        (['day', 'person', 'task', 'model'] as const).map((by) => deps.runs.costs(watcher, by, days)),
      );
      const total = sum(byDay ?? []);
      const measure = measureOf(request, total);
      const { currency } = deps.runs;
      const bars = (costs: Costs[] = [], nameIt = (group: string): string => group): Bar[] =>
        barsOf(costs, measure, currency, nameIt);
      page(response, 'costs', {
        ...{ title: 'Costs', current: 'runs', all, days, measure, total, currency },
        cost: inWords(total.cost, currency),
        saved: inWords(total.savedCost, currency),
        columns: bars(everyDay(byDay ?? [], new Date())),
        charts: [
          ...(all ? [{ title: 'By person', bars: bars(byPerson, (id) => nameOf(deps, id)) }] : []),
          { title: 'By task', bars: bars(byTask) },
          { title: 'By model', bars: bars(byModel) },
        ],
      });
    }),
  );
  return router;
}

/** Money, unless none was spent: what runs on one's own machine has no price. */
function measureOf({ query }: Request, total: Costs): Measure {
  if (query.of === 'cost' || query.of === 'tokens') return query.of;
  return total.cost > 0 ? 'cost' : 'tokens';
}

const none = { answers: 0, tokensIn: 0, tokensOut: 0, cost: 0, cached: 0, savedTokens: 0, savedCost: 0 };
const sum = (costs: readonly Costs[]): Costs =>
  costs.reduce(
    (total, one) => ({
      group: '',
      answers: total.answers + one.answers,
      tokensIn: total.tokensIn + one.tokensIn,
      tokensOut: total.tokensOut + one.tokensOut,
      cost: total.cost + one.cost,
      cached: total.cached + one.cached,
      savedTokens: total.savedTokens + one.savedTokens,
      savedCost: total.savedCost + one.savedCost,
    }),
    { group: '', ...none },
  );

/** Each of the last days in order, also those on which nothing was asked. Days are UTC's. */
export function everyDay(costs: readonly Costs[], now: Date): Costs[] {
  return Array.from({ length: days }, (_, index) => {
    const day = new Date(now.getTime() - (days - 1 - index) * 86_400_000).toISOString().slice(0, 10);
    return costs.find(({ group }) => group === day) ?? { group: day, ...none };
  });
}

function barsOf(
  costs: readonly Costs[],
  measure: Measure,
  currency: string,
  nameIt: (group: string) => string,
): Bar[] {
  const valueOf = (one: Costs): number => (measure === 'cost' ? one.cost : one.tokensIn + one.tokensOut);
  const highest = Math.max(1, ...costs.map(valueOf));
  return costs.map((one) => {
    const value = valueOf(one);
    const text =
      measure === 'cost'
        ? inWords(one.cost, currency)
        : `${count.format(one.tokensIn)} in, ${count.format(one.tokensOut)} out`;
    return {
      label: one.group === '' ? 'none' : nameIt(one.group),
      share: Math.round((1000 * value) / highest) / 10,
      brief: brief.format(measure === 'cost' ? value / 1e6 : value),
      text,
    };
  });
}

const count = new Intl.NumberFormat('en');
const brief = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 2 });
