import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeSlack, messageEvent, slackHeaders, workspace } from '../../fixtures/slack/index.ts';
import { testDatabase } from '../../support/postgres.ts';
import { loadServer, type Load } from '../load.ts';
import type { Bench } from '../main.ts';
import { startInstance, type Instance } from '../n8n/instance.ts';
import { nearUrlOf } from '../postgres.ts';
import { atLeast, atMost, median } from '../report.ts';
import { startServer } from '../server.ts';

const rounds = 7;
const connections = 50;
const seconds = 5;
const people = 200;
const signingSecret = 'a-signing-secret-of-the-bench-000';
const user = (index: number): string => `U0BENCH${String(index % people).padStart(4, '0')}`;

/** Signed Slack events of half a kilobyte, durable before the answer, against doing next to nothing, and against n8n. */
export const bench: Bench = async (say) => {
  const slack = await new FakeSlack().start();
  const policiesDir = await writePolicies();
  const n8n = await startInstance('shipped');
  const loads: { ours: Load[]; bare: Load[]; n8n: Load[] } = { ours: [], bare: [], n8n: [] };
  try {
    for (let round = 0; round <= rounds; round += 1) {
      const one = {
        ours: await loadVariant('gatehouse', policiesDir, slack),
        bare: await loadVariant('bare', policiesDir, slack),
        n8n: await loadN8n(n8n),
      };
      const rates = Object.entries(one).map(([name, load]) => `${name} ${Math.round(load.perSecond)}/s`);
      say(`ingest: round ${round}: ${rates.join(', ')}`);
      // The first round warms up Postgres, n8n and the disk's cache.
      if (round > 0) for (const name of ['ours', 'bare', 'n8n'] as const) loads[name].push(one[name]);
    }
  } finally {
    await n8n.stop();
    await slack.stop();
    await rm(policiesDir, { recursive: true });
  }
  const rate = (list: Load[]): number => median(list.map((load) => load.perSecond));
  const ratio = (under: Load[]): number =>
    median(loads.ours.map((load, round) => load.perSecond / (under[round]?.perSecond ?? NaN)));
  const p99 = median(loads.ours.map((load) => load.p99Ms));
  return {
    results: [
      { what: 'ingest, durable before the answer', value: rate(loads.ours), unit: '/s' },
      {
        what: 'the same, p50 of the answer',
        value: median(loads.ours.map((load) => load.p50Ms)),
        unit: 'ms',
      },
      { what: 'body, signature and JSON only', value: rate(loads.bare), unit: '/s' },
      { what: "n8n's Webhook node as we ship it", value: rate(loads.n8n), unit: '/s' },
    ],
    bars: [
      atLeast('ingest ÷ body, signature and JSON only', ratio(loads.bare), 0.2),
      atLeast("ingest ÷ n8n's Webhook node", ratio(loads.n8n), 25),
      atMost('p99 of the answer, ms', p99, 100),
    ],
  };
};

async function loadVariant(
  variant: 'gatehouse' | 'bare',
  policiesDir: string,
  slack: FakeSlack,
): Promise<Load> {
  const database = await testDatabase();
  try {
    const server = await startServer<{ url: string }>(join(import.meta.dirname, 'server.ts'), variant, {
      databaseUrl: await nearUrlOf(database),
      policiesDir,
      slackApiUrl: slack.apiUrl,
      botToken: slack.tokens.bot,
      signingSecret,
    });
    const load = await loadServer({ url: server.ready.url, connections, seconds, headers, body });
    await server.stop();
    if (variant === 'gatehouse') {
      const { rows } = await database.pool.query<{ n: number }>(
        `select count(*)::int as n from messages where state = 'queued' and envelope is not null`,
      );
      const stored = rows[0]?.n ?? 0;
      if (stored < load.answered)
        throw new Error(`${load.answered} were acknowledged and ${stored} are stored`);
    }
    return load;
  } finally {
    await database.drop();
  }
}

const loadN8n = (n8n: Instance): Promise<Load> =>
  loadServer({ url: n8n.webhook, connections, seconds, headers, body });

let sent = 0;
/** About 0.5 kB, each with ids of its own: a repeat would be a duplicate and cost less. */
function body(): string {
  sent += 1;
  return JSON.stringify(messageEvent({ user: user(sent), text: `/balance ${'word '.repeat(16)}${sent}` }));
}

const headers = (text: string): Record<string, string> => slackHeaders(signingSecret, text);

/** Known senders, and the rate limiter switched on with room for the load. */
async function writePolicies(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-bench-policies-'));
  const known = Array.from({ length: people }, (_, index) => ({
    principal: `p-${index}`,
    display: `Person ${index}`,
    roles: ['member'],
    groups: [],
    identities: [{ channel: 'slack', account: workspace.team, id: user(index) }],
  }));
  const limit = { messages: 1_000_000, seconds: 60, queue: 1_000_000 };
  await writeFile(join(folder, 'people.yaml'), JSON.stringify({ people: known }));
  await writeFile(
    join(folder, 'limits.yaml'),
    JSON.stringify({ default: { sender: limit, channel: limit }, channels: {} }),
  );
  return folder;
}
