import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { allowRollback, createRevisions, listRevisions, type Policy } from '../../../gateway/policy/index.ts';
import { createAutomations, createLimits, createPeople } from '../../../gateway/sessions/index.ts';
import { policyBench, type PolicyBench } from './bench.ts';
import { policiesDir as shipped, runOf } from './support.ts';

let at: PolicyBench;
let db: PolicyBench['db'];
let dataDir: string;
let policiesDir: string;
beforeEach(async () => {
  at = await policyBench();
  ({ db, folder: dataDir } = at);
  policiesDir = join(dataDir, 'policies');
  await cp(shipped, policiesDir, { recursive: true });
});
afterEach(() => at.close());

interface Opened {
  policy: Policy;
  reload: () => Promise<void>;
}
/** What a gateway puts together of the policy; several may stand on one Postgres. */
async function open(): Promise<Opened> {
  const admit = createRevisions({ pool: db.pool, dataDir });
  const people = await createPeople({ pool: db.pool, policiesDir, admit: admit('people') });
  const automations = await createAutomations({ policiesDir, admit: admit('automations') });
  const limits = await createLimits({ policiesDir, admit: admit('limits') });
  const policy = await at.open({
    policiesDir,
    beside: () => [people.version, automations.version, limits.version],
    admit,
  });
  return {
    policy,
    async reload() {
      for (const file of [people, automations, limits, policy]) await file.reload();
    },
  };
}

/** @returns how to undo it */
async function edit(file: string, from: string, to: string): Promise<() => Promise<void>> {
  const path = join(policiesDir, file);
  const text = await readFile(path, 'utf8');
  assert.ok(text.includes(from));
  await writeFile(path, text.replace(from, to));
  return () => writeFile(path, text);
}
const edits: Record<string, [string, string, string]> = {
  people: ['people.yaml', 'Robin Requester', 'Robin R.'],
  automations: ['automations.yaml', 'Morning balance', 'Evening balance'],
  limits: ['limits.yaml', 'messages: 30', 'messages: 31'],
  approvals: ['approvals.yaml', "amount: '1000.00'", "amount: '900.00'"],
  tools: ['tools/ledger.balance.yaml', 'risk: read', 'risk: delete'],
};
/** Of the refusal, what an administrator has to type. */
const namedIn = (error: { next?: string }): string =>
  / ([a-z]+:[0-9a-f]{12}) /.exec(error.next ?? '')?.[1] ?? '';
const refusal = (promise: Promise<unknown>): Promise<{ code: string; next?: string; message: string }> =>
  promise.then(
    () => assert.fail('it was taken'),
    (error) => error as never,
  );

for (const [part, [file, from, to]] of Object.entries(edits)) {
  test(`a change of ${part} is another version, voids grants, and its undoing is refused`, async () => {
    const { policy, reload } = await open();
    const { version } = policy;
    const call = { tool: 'gatehouse.help', args: {}, step: 's' };
    const { grant } = await policy.decide(runOf(), call);
    const undo = await edit(file, from, to);
    await reload();
    assert.notEqual(policy.version, version);
    assert.notEqual((await policy.decide(runOf(), call)).grant, grant);
    const newer = policy.version;
    await undo();
    const { code, next, message } = await refusal(reload());
    assert.equal(code, 'GH-POLICY-044');
    assert.ok(message.includes(file.split('/')[0] ?? ''), message);
    assert.match(next ?? '', new RegExp(`gatehouse policy rollback ${part}:[0-9a-f]{12} --reason`));
    assert.equal(policy.version, newer, 'the last good one stays');
    assert.equal((await refusal(open())).code, 'GH-POLICY-044', 'nor does a start take it');
  });
}

test('a comment is no change', async () => {
  const { policy, reload } = await open();
  const { version } = policy;
  await edit('people.yaml', 'people:\n', '# a note\npeople:\n');
  await reload();
  assert.equal(policy.version, version);
});

test('a rollback that was allowed is taken once, with a receipt of who and why', async () => {
  const { reload } = await open();
  const [file, from, to] = edits.people ?? ['', '', ''];
  const undo = await edit(file, from, to);
  await reload();
  await undo();
  const named = namedIn(await refusal(reload()));
  allowRollback(dataDir, named, { reason: 'the edit was wrong', by: 'cli:admin' });
  await reload();
  const { rows } = await db.pool.query<{ facts: Record<string, unknown> }>(
    `select facts from receipts where kind = 'policy.rollback'`,
  );
  assert.equal(rows.length, 1);
  assert.deepEqual(
    [rows[0]?.facts.part, rows[0]?.facts.reason, rows[0]?.facts.by],
    ['people', 'the edit was wrong', 'cli:admin'],
  );
  // What was rolled back from is old now itself; the permission is used up.
  const again = await edit(file, from, to);
  assert.notEqual(namedIn(await refusal(reload())), named);
  await again();
  await reload();
  const newest = (await listRevisions(db.pool)).filter((one) => one.newest);
  assert.equal(newest.length, 6);
});

test('a permission for another part, another digest, or of the day before permits nothing', async () => {
  const { reload } = await open();
  const undo = await edit(...(edits.people ?? ['', '', '']));
  await reload();
  await undo();
  const named = namedIn(await refusal(reload()));
  const leave = { reason: 'why', by: 'cli:admin' };
  allowRollback(dataDir, named.replace('people', 'limits'), leave);
  allowRollback(dataDir, `people:${'0'.repeat(12)}`, leave);
  await refusal(reload());
  allowRollback(dataDir, named, leave);
  const file = join(dataDir, 'policy-rollbacks.json');
  const late = new Date(Date.now() - 25 * 3_600_000).toISOString();
  await writeFile(file, (await readFile(file, 'utf8')).replace(/"at": "[^"]+"/g, `"at": "${late}"`));
  await refusal(reload());
  await writeFile(file, 'nonsense');
  await refusal(reload());
  for (const bad of ['people', 'people:', 'people:abc', 'secrets:0123456789ab', `people:${'g'.repeat(12)}`])
    assert.throws(() => allowRollback(dataDir, bad, leave), { code: 'GH-POLICY-045' });
});

test('a second gateway cannot serve what the first one replaced, and starting together serves each once', async () => {
  await Promise.all([open(), open(), open()]);
  assert.equal((await listRevisions(db.pool)).length, 6);
  const { reload } = await open();
  const undo = await edit(...(edits.approvals ?? ['', '', '']));
  await reload();
  await undo();
  assert.equal((await refusal(open())).code, 'GH-POLICY-044');
});
