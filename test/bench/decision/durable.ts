import { join } from 'node:path';
import { testDatabase } from '../../support/postgres.ts';
import { loadServer, type Load } from '../load.ts';
import type { Bench } from '../main.ts';
import { atLeast, median, ratios } from '../report.ts';
import { startServer } from '../server.ts';
import type { OpaServer } from './opa.ts';

const rounds = 5;
const inFlight = 32;
const secondsPerRound = 4;

/** Decisions over HTTP that are durable, against an OPA server with one audit row, and two rows without any decision. */
export async function measureDurable(
  policiesDir: string,
  opa: OpaServer,
  say: (text: string) => void,
): ReturnType<Bench> {
  const loads: Record<Variant, Load[]> = { gatehouse: [], rest: [], floor: [] };
  for (let round = 0; round <= rounds; round += 1) {
    for (const variant of ['gatehouse', 'rest', 'floor'] as const) {
      const load = await loadVariant(variant, { policiesDir, opaUrl: opa.url });
      if (round > 0) loads[variant].push(load);
      say(`decision: round ${round}, ${variant}: ${Math.round(load.perSecond)} decisions/s`);
    }
  }
  const rates = (variant: Variant): number[] => loads[variant].map((load) => load.perSecond);
  const [ours, theirs, floor] = [rates('gatehouse'), rates('rest'), rates('floor')];
  const p99 = loads.gatehouse.map((load) => load.p99Ms);
  return {
    results: [
      { what: 'durable decisions over HTTP, 32 in flight', value: median(ours), unit: '/s' },
      { what: 'the same, p99 of the answer', value: median(p99), unit: 'ms' },
      { what: "OPA's server and one audit row, 32 in flight", value: median(theirs), unit: '/s' },
      { what: 'a bare transaction of two rows, 32 in flight', value: median(floor), unit: '/s' },
    ],
    bars: [
      atLeast('durable decisions ÷ OPA server and one row', median(ratios(ours, theirs)), 3),
      atLeast('durable decisions ÷ a bare transaction of two rows', median(ratios(ours, floor)), 0.6),
    ],
  };
}

type Variant = 'gatehouse' | 'rest' | 'floor';
const stored: Record<Variant, string> = {
  gatehouse: `select count(*)::int as n from receipts where kind = 'decision'`,
  rest: 'select count(*)::int as n from bench_audit',
  floor: 'select count(*)::int as n from bench_audit join bench_grant using (id)',
};

/** One round: an empty database, a fresh server, load, and a count of what is in Postgres afterwards. */
async function loadVariant(variant: Variant, data: { policiesDir: string; opaUrl: string }): Promise<Load> {
  const database = await testDatabase();
  try {
    await database.pool.query(
      `create table bench_audit (id bigint generated always as identity primary key, at timestamptz not null default now(),
         message_id text not null, step text not null, tool text not null, digest text not null, effect text not null,
         reasons jsonb not null);
       create table bench_grant (id bigint primary key references bench_audit, digest text not null)`,
    );
    const server = await startServer<{ url: string; client: string; run: string }>(
      join(import.meta.dirname, 'server.ts'),
      variant,
      { databaseUrl: database.url, ...data },
    );
    const { url, client, run: token } = server.ready;
    let step = 0;
    const load = await loadServer({
      url,
      connections: inFlight,
      seconds: secondsPerRound,
      headers: () => ({ 'content-type': 'application/json', authorization: `Bearer ${client}` }),
      body: () =>
        JSON.stringify({ run: token, tool: 'ledger.balance', args: {}, step: `node:${(step += 1)}:0` }),
    });
    await server.stop();
    const { rows } = await database.pool.query<{ n: number }>(stored[variant]);
    const count = rows[0]?.n ?? 0;
    if (count < load.answered) throw new Error(`${variant}: ${load.answered} answered and ${count} stored`);
    return load;
  } finally {
    await database.drop();
  }
}
