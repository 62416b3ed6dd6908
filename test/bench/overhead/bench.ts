import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Bench } from '../main.ts';
import { atMost, median } from '../report.ts';
import { startOverheadStack, type OverheadStack } from './stack.ts';
import { partsOf, type Part } from './parts.ts';

const rounds = 5;
const perRound = 40;
/** Not counted: a fresh gateway, and a fresh n8n, compile what they run often. */
const warmUps = 400;

/**
 * A governed read, from the chat message to its reply in the outbox, against a webhook with a no-op in the same n8n;
 * one at a time.
 */
export const bench: Bench = async (say) => {
  const running = await startOverheadStack();
  const listener = new pg.Client({ connectionString: running.stack.databaseUrl });
  try {
    await listener.connect();
    await listener.query('listen web_reply');
    const bare: number[][] = [];
    const governed: Part[][][] = [];
    // Round 0 warms both up.
    for (let round = 0; round <= rounds; round += 1) {
      const bareRound: number[] = [];
      const governedRound: Part[][] = [];
      for (let index = 0; index < (round === 0 ? warmUps : perRound); index += 1) {
        bareRound.push(await askBare(running.bare));
        governedRound.push(await askGoverned(running, listener));
      }
      say(
        `overhead: round ${round}, bare ${median(bareRound).toFixed(1)} ms, governed ${median(governedRound.map(total)).toFixed(1)} ms`,
      );
      if (round === 0) continue;
      bare.push(bareRound);
      governed.push(governedRound);
    }
    const ratios = governed.map((list, round) => median(list.map(total)) / median(bare[round] ?? []));
    const samples = governed.flat();
    const gateway = median(governed.map((list) => median(list.map(ofGateway))));
    return {
      results: [
        { what: 'bare n8n webhook and no-op; p50', value: median(bare.map(median)), unit: 'ms' },
        {
          what: 'governed: message in, reply in the outbox; p50',
          value: median(governed.map((list) => median(list.map(total)))),
          unit: 'ms',
        },
        { what: 'of it in the gateway', value: gateway, unit: 'ms' },
        ...namesOf(samples).map((name, index) => ({
          what: `${index + 1}. ${name}`,
          value: median(samples.map((parts) => parts[index]?.ms ?? NaN)),
          unit: 'ms',
        })),
      ],
      bars: [
        atMost('governed message to reply ÷ bare webhook', median(ratios), 3),
        atMost('gateway time of it, ms', gateway, 20),
      ],
    };
  } finally {
    await listener.end();
    await running.stop();
  }
};

const total = (parts: Part[]): number => parts.reduce((sum, part) => sum + part.ms, 0);
const ofGateway = (parts: Part[]): number => total(parts.filter((part) => part.where === 'gateway'));

function namesOf(samples: Part[][]): string[] {
  const [first = []] = samples;
  return first.map((part) => `${part.where}: ${part.name}`);
}

async function askBare(url: string): Promise<number> {
  const from = performance.now();
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"text":"hello"}',
  });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`n8n answered ${answer.status}`);
  return performance.now() - from;
}

/** One `/balance`, in parts. Its reply is there when the transaction that holds it signals. */
async function askGoverned(running: OverheadStack, listener: pg.Client): Promise<Part[]> {
  running.traced();
  const before = await replies(listener);
  let signalled = NaN;
  let checking: Promise<void> = Promise.resolve();
  let found: (at: number) => void = () => undefined;
  const replied = new Promise<number>((resolve) => (found = resolve));
  const onSignal = (): void => {
    const at = now();
    checking = checking.then(async () => {
      if (Number.isNaN(signalled) && (await replies(listener)) > before) found((signalled = at));
    });
  };
  listener.on('notification', onSignal);
  const from = now();
  await running.send('/balance');
  const to = await Promise.race([
    replied,
    sleep(30_000).then(() => {
      throw new Error('no reply within 30 s');
    }),
  ]);
  listener.off('notification', onSignal);
  await checking;
  // The execution ends after its reply; the next sample must not meet its end.
  await sleep(30);
  return partsOf(running.traced(), from, to);
}

async function replies(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ n: number }>('select count(*)::int as n from outbox');
  return rows[0]?.n ?? 0;
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6;
