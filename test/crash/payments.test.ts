import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CountingBank } from '../fixtures/vendors/bank.ts';
import { parts, startCluster, type Cluster } from './payments/cluster.ts';
import { Payers, type Payment } from './payments/payers.ts';
import { preparePayments, tools } from './payments/tools.ts';

const rounds = Number(process.env.GATEHOUSE_TEST_PAYMENT_ROUNDS ?? 6);
/** Everything is brought to an end and counted after so many kills, so that a fault is found near its cause. */
const countEvery = 10;

let bank: CountingBank;
let cluster: Cluster;
let payers: Payers;
const total = { unknown: 0, unsettled: 0, probed: 0, probedUnsettled: 0, mostOpen: 0 };

before(
  async () => {
    bank = await new CountingBank({ before: 250, after: 250 }).start();
    cluster = await startCluster((folder) => preparePayments(folder, bank));
    payers = new Payers(cluster, 12);
  },
  { timeout: 120_000 },
);

after(
  async () => {
    await cluster?.stop();
    await bank?.stop();
  },
  { timeout: 60_000 },
);

/** Kills one part while payments are made, and starts it again. */
async function round(number: number): Promise<void> {
  const first = payers.payments.length;
  payers.start();
  await sleep(100 + Math.random() * 600);
  const part = parts[number % parts.length] ?? 'gateway';
  const killed = cluster.kill(part);
  const { open } = payers;
  await killed;
  await sleep(Math.random() * 200);
  await cluster.start(part);
  await sleep(Math.random() * 200);
  await payers.stop();
  const made = payers.payments.slice(first);
  const unknown = made.filter((payment) => payment.unknown).length;
  assert.ok(unknown <= open, `${unknown} unknown after ${part} was killed with ${open} calls in flight`);
  total.mostOpen = Math.max(total.mostOpen, open);
  const counts = bank.counts();
  assert.deepEqual(
    [...counts].filter(([, count]) => count > 1),
    [],
    'nothing is paid twice',
  );
  for (const { reference, told } of made)
    if (told === 'succeeded') assert.equal(counts.get(reference), 1, `${reference} was acknowledged`);
}

/** The state of each attempt by its reference, once all have ended by themselves or by a start after a crash. */
async function settled(): Promise<Map<string, string>> {
  for (let tries = 0; ; tries += 1) {
    const rows = await cluster.sql<{ step: string; state: string }>('select step, state from attempts');
    const open = rows.filter(({ state }) => !['succeeded', 'failed', 'unknown'].includes(state));
    if (open.length === 0) return new Map(rows.map(({ step, state }) => [step, state]));
    assert.ok(tries < 10, `never settled: ${JSON.stringify(open)}`);
    await sleep(1000);
    for (const part of ['gateway', 'worker'] as const) {
      await cluster.kill(part);
      await cluster.start(part);
    }
  }
}

function check(payment: Payment, state: string | undefined, count: number): void {
  const about = `${JSON.stringify(payment)} is ${state} and was paid ${count} times`;
  assert.ok(count <= 1, about);
  // What nobody knows may have happened or not; all else is as it is told.
  if (count === 1) assert.ok(state === 'succeeded' || state === 'unknown', about);
  if (state === 'succeeded') assert.equal(count, 1, about);
  if (payment.told === 'succeeded' || payment.told === 'failed') assert.equal(state, payment.told, about);
  assert.ok(['succeeded', 'failed', 'unknown'].includes(payment.told ?? ''), about);
}

describe('kill -9 during payments', { timeout: (rounds + 10) * 60_000 }, () => {
  for (let first = 0; first < rounds; first += countEvery) {
    const last = Math.min(first + countEvery, rounds);
    it(`doubles nothing and loses nothing without a word in rounds ${first + 1} to ${last}`, async () => {
      const begin = payers.payments.length;
      for (let number = first; number < last; number += 1) await round(number);
      const states = await settled();
      const counts = bank.counts();
      for (const payment of payers.payments.slice(begin)) {
        const state = states.get(payment.reference);
        check(payment, state, counts.get(payment.reference) ?? 0);
        const unsettled = state === 'unknown' ? 1 : 0;
        if (!payment.unknown && unsettled === 0) continue;
        total.unknown += 1;
        total.unsettled += unsettled;
        if (payment.tool !== tools.probed) continue;
        total.probed += 1;
        total.probedUnsettled += unsettled;
      }
      process.stdout.write(
        `    ${payers.payments.length} payments so far, ${total.unknown} of them unknown for a while, ` +
          `${total.unsettled} still; of ${total.probed} with a probe ${total.probedUnsettled} still; ` +
          `at most ${total.mostOpen} in flight\n`,
      );
    });
  }

  it('settles by itself what the bank can be asked about', () => {
    assert.ok(rounds < countEvery || total.probed > 0, 'some were unknown');
    const part = total.probed === 0 ? 1 : 1 - total.probedUnsettled / total.probed;
    assert.ok(part >= 0.95, `${Math.round(part * 100)} % of ${total.probed} settled themselves`);
    assert.deepEqual(bank.problems, []);
  });
});
