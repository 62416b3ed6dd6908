import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createLogger } from '../../../gateway/config/index.ts';
import { transaction } from '../../../gateway/db/index.ts';
import {
  buildPolicy,
  findOpa,
  shadowReport,
  startShadow,
  type Policy,
  type Shadow,
  type ShadowReport,
} from '../../../gateway/policy/index.ts';
import { until } from '../../support/gateway.ts';
import { policyBench, type PolicyBench } from './bench.ts';
import { policiesDir, runOf } from './support.ts';

const opa = await findOpa();
let at: PolicyBench;
let db: PolicyBench['db'];
before(async () => {
  at = await policyBench();
  ({ db } = at);
});
after(() => at.close());

async function candidate(file: string, from: string, to: string): Promise<string> {
  const copy = await mkdtemp(join(at.folder, 'candidate-'));
  await cp(policiesDir, copy, { recursive: true });
  const text = await readFile(join(copy, file), 'utf8');
  assert.ok(text.includes(from));
  await writeFile(join(copy, file), text.replace(from, to));
  return copy;
}
async function beside(path: string, batchSeconds?: number): Promise<{ policy: Policy; shadow: Shadow }> {
  const log = createLogger('silent');
  const shadow = startShadow({ pool: db.pool, path, beside: policiesDir, log, batchSeconds });
  return { policy: await at.open({ shadow }), shadow };
}
let step = 0;
const balance = (): { tool: string; args: object; step: string } => ({
  tool: 'ledger.balance',
  args: {},
  step: `s${(step += 1)}`,
});
async function report(when: (seen: ShadowReport) => boolean): Promise<ShadowReport> {
  let seen: ShadowReport = { candidates: [], differences: [] };
  await until(
    'the report',
    10_000,
    async () => when((seen = await shadowReport(db.pool))),
    () => JSON.stringify(seen),
  );
  return seen;
}

test('a candidate decides beside, its differences are kept with an example, and nothing is decided by it', async () => {
  const { policy, shadow } = await beside(
    await candidate('tools/ledger.balance.yaml', 'risk: read', 'risk: delete'),
  );
  const decision = await policy.decide(runOf(), balance());
  assert.equal(decision.effect, 'allow');
  await policy.decide(runOf(), { tool: 'gatehouse.help', args: {}, step: 'same' });
  const spent = await policy.judge(db.pool, runOf(), balance());
  await transaction(db.pool, (tx) => policy.storeSpent(tx, spent));
  const { candidates, differences } = await report((seen) => seen.candidates[0]?.compared === 3);
  assert.equal(candidates[0]?.dropped, 0);
  assert.equal(differences.length, 1);
  const { candidate: version, examples, ...difference } = differences[0] ?? assert.fail();
  assert.match(version, /^sha256:/);
  assert.deepEqual([...examples].sort(), [decision.id, spent.id].sort());
  assert.deepEqual(difference, {
    tool: 'ledger.balance',
    live: 'allow',
    shadow: 'approve by 1 of approvers',
    reasons: ['delete_needs_approval'],
    count: 2,
  });
  await shadow.stop();
});

test('a decision that was taken before is not compared again', async () => {
  const { policy, shadow } = await beside(
    await candidate('tools/ledger.balance.yaml', 'risk: read', 'risk: access'),
  );
  const call = balance();
  for (let round = 0; round < 3; round += 1) await policy.decide(runOf(), call);
  await policy.decide(runOf(), balance());
  const { candidates } = await report(
    (seen) => seen.candidates.length === 2 && (seen.candidates[0]?.compared ?? 0) >= 2,
  );
  assert.equal(candidates[0]?.compared, 2);
  await shadow.stop();
});

test('a broken candidate is a warning, and is taken once it is mended and read again', async () => {
  const path = await candidate('approvals.yaml', 'quorum: 1', 'quorum: 0');
  const { policy, shadow } = await beside(path);
  await until('a problem', 10_000, () => Promise.resolve(shadow.problem() !== undefined));
  assert.match(shadow.problem() ?? '', /approvals\.yaml:\d+: .*quorum/);
  assert.equal((await policy.decide(runOf(), balance())).effect, 'allow');
  await cp(join(policiesDir, 'approvals.yaml'), join(path, 'approvals.yaml'));
  await shadow.reload();
  assert.equal(shadow.problem(), undefined);
  await shadow.stop();
});

test(
  'a candidate that never ends holds up no decision, and is stopped',
  { skip: !opa && 'there is no OPA here', timeout: 60_000 },
  async () => {
    const endless = [
      'denials contains {"code": "slow", "text": "Slow."} if {',
      '\tcount([1 | some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); some c in numbers.range(1, 3000); a + b + c < 0]) > 0',
      '}',
    ].join('\n');
    const path = await candidate('rego/demo.rego', 'denials contains', `${endless}\n\ndenials contains`);
    await buildPolicy(opa ?? '', path);
    const { policy, shadow } = await beside(path, 1);
    await policy.decide(runOf(), balance());
    await new Promise((resolve) => setTimeout(resolve, 700));
    const began = performance.now();
    for (let n = 0; n < 20; n += 1) assert.equal((await policy.decide(runOf(), balance())).effect, 'allow');
    assert.ok(performance.now() - began < 900, 'decisions waited for the candidate');
    await until('the end of it', 15_000, () => Promise.resolve(shadow.problem() !== undefined));
    assert.match(shadow.problem() ?? '', /longer than 1 seconds/);
    assert.equal((await policy.decide(runOf(), balance())).effect, 'allow');
    await shadow.stop();
  },
);

test('differences hold codes and ids, and end with the texts', async () => {
  const { rows } = await db.pool.query<{ column_name: string }>(
    `select column_name from information_schema.columns where table_name = 'shadow_differences'`,
  );
  assert.deepEqual(rows.map((row) => row.column_name).sort(), [
    'candidate',
    'decision_id',
    'found_at',
    'live',
    'reasons',
    'shadow',
    'tool',
  ]);
});
