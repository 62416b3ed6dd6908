import { loadServer, type Load } from '../load.ts';
import type { Bench } from '../main.ts';
import { atLeast, median } from '../report.ts';
import type { Variant } from '../../support/n8n-server.ts';
import { startInstance } from './instance.ts';

const rounds = 5;
const connections = 20;
const seconds = 6;
const variants: readonly Variant[] = ['stock', 'shipped'];

/** The n8n that we ship against a stock one on the same Postgres: whole executions of a webhook and a no-op. */
export const bench: Bench = async (say) => {
  const running = [];
  try {
    for (const variant of variants) {
      running.push({ variant, instance: await startInstance(variant) });
      say(`n8n: the ${variant} one runs`);
    }
    const loads: Record<Variant, Load[]> = { stock: [], shipped: [] };
    // Round 0 warms up and is not counted. Both run all the time, and only one of them is asked.
    for (let round = 0; round <= rounds; round += 1) {
      for (const { variant, instance } of running) {
        const load = await loadServer({
          url: instance.webhook,
          connections,
          seconds,
          headers: () => ({ 'content-type': 'application/json' }),
          body: () => '{"text":"hello"}',
        });
        if (round > 0) loads[variant].push(load);
        say(`n8n: round ${round}, ${variant}: ${load.perSecond.toFixed(1)} executions/s`);
      }
    }
    const rates = (variant: Variant): number[] => loads[variant].map((load) => load.perSecond);
    const ratios = rates('shipped').map((rate, round) => rate / (rates('stock')[round] ?? NaN));
    return {
      results: variants.flatMap((variant) => [
        { what: `${variant} n8n, ${connections} connections`, value: median(rates(variant)), unit: '/s' },
        { what: 'the same, p50', value: median(loads[variant].map((load) => load.p50Ms)), unit: 'ms' },
      ]),
      bars: [atLeast('n8n as we ship it ÷ stock n8n', median(ratios), 3)],
    };
  } finally {
    for (const { instance } of running) await instance.stop();
  }
};
