import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { transaction } from '../../../gateway/db/index.ts';
import {
  GrantRefused,
  missedItsRow,
  type Epoch,
  type Policy,
  type Presented,
} from '../../../gateway/policy/index.ts';
import { policyBench, type PolicyBench } from './bench.ts';
import { runOf } from './support.ts';

let at: PolicyBench;
let db: PolicyBench['db'];
let epoch: Epoch;
let policy: Policy;
before(async () => {
  at = await policyBench();
  ({ db, epoch } = at);
  policy = await at.open();
});
after(() => at.close());

const run = runOf();
let step = 0;
const decide = (tool: string, args: object) => policy.decide(run, { tool, args, step: `g${(step += 1)}` });

/** A grant that nobody used yet, as the call that it is for presents it. */
async function fresh(): Promise<Presented> {
  const { grant, digest, tool } = await decide('ledger.balance', {});
  const { messageId, sessionKey, principal, channel } = run;
  return {
    grant: grant ?? '',
    messageId,
    sessionKey,
    channel: channel.kind,
    principal,
    tool,
    digest,
    args: {},
    binding: null,
  };
}

/** @returns the decision that was spent, or the stable code, the error's code and the next step of the refusal */
async function spend(call: Presented): Promise<string | string[]> {
  try {
    return await transaction(db.pool, (tx) => Promise.resolve(policy.consumeGrant(tx, call)));
  } catch (error) {
    if (error instanceof GrantRefused) return [error.reason, error.code, error.next ?? ''];
    assert.ok(missedItsRow(error), String(error));
  }
  return policy.explainRefusal(db.pool, { code: '22012' }, call).then(
    () => ['accepted'],
    (error: unknown) => {
      assert.ok(error instanceof GrantRefused);
      assert.equal(error.status, 403);
      return [error.reason, error.code, error.next ?? ''];
    },
  );
}
const update = (grant: string, set: string): Promise<unknown> =>
  db.pool.query(`update grants set ${set} where id = $1`, [grant]);
const again = 'Ask for a new decision of this call.';

test('a grant serves the one call that it was given for, once', async () => {
  const call = await fresh();
  const decision = await policy.checkGrant(db.pool, call);
  assert.match(decision, /^dec_[0-9a-f-]{36}$/);
  assert.equal(await spend(call), decision);
  assert.deepEqual(await spend(call), ['grant_spent', 'GH-GRANT-002', again]);
});

for (const [what, change, reason, code] of [
  ['another message', { messageId: 'web:local:c1:stolen:0' }, 'grant_other_run', 'GH-GRANT-004'],
  ['another session', { sessionKey: 'stolen' }, 'grant_other_run', 'GH-GRANT-004'],
  ['another tool', { tool: 'ledger.transfer' }, 'grant_other_call', 'GH-GRANT-005'],
  ['other arguments', { digest: 'sha256:0' }, 'grant_other_call', 'GH-GRANT-005'],
  ['another binding', { binding: 'sha256:0' }, 'grant_other_binding', 'GH-GRANT-012'],
] as const) {
  test(`a grant is refused to ${what}, and is then still there for its own call`, async () => {
    const call = await fresh();
    assert.deepEqual(await spend({ ...call, ...change }), [reason, code, again]);
    assert.match(String(await spend(call)), /^dec_/);
  });
}

test('what is no grant of ours is refused before Postgres is asked, and an invented one after', async () => {
  const call = await fresh();
  const uuid = '00000000-0000-7000-8000-000000000001';
  for (const grant of ['', 'x', `grant_${uuid}`, `xgrant_${uuid}_${uuid}`, `grant_${uuid}_${uuid}x`]) {
    await assert.rejects(
      transaction(db.pool, (tx) => Promise.resolve(policy.consumeGrant(tx, { ...call, grant }))),
      { reason: 'grant_unknown', code: 'GH-GRANT-001' },
      grant,
    );
  }
  assert.deepEqual(await spend({ ...call, grant: `grant_${uuid}_${uuid}` }), [
    'grant_unknown',
    'GH-GRANT-001',
    again,
  ]);
  // The decision in its name is another than the one that it belongs to.
  const other = await fresh();
  const swapped = `${other.grant.slice(0, 43)}${call.grant.slice(43)}`;
  assert.deepEqual(await spend({ ...call, grant: swapped }), ['grant_unknown', 'GH-GRANT-001', again]);
});

test('a grant ends with its time, with the rules that gave it and with a restored database', async () => {
  const late = await fresh();
  await update(late.grant, 'expires_at = clock_timestamp()');
  assert.deepEqual(await spend(late), ['grant_late', 'GH-GRANT-003', again]);
  const old = await fresh();
  await update(old.grant, `policy_version = 'sha256:old'`);
  assert.deepEqual(await spend(old), ['grant_old_rules', 'GH-GRANT-006', again]);
  const restored = await fresh();
  epoch.bump();
  assert.deepEqual(await spend(restored), ['grant_old_epoch', 'GH-GRANT-007', again]);
});

test('no grant is spent while the clock of Postgres stands before what it showed already', async () => {
  const call = await fresh();
  await db.pool.query(`update clock_guard set highest = now() + interval '1 minute'`);
  assert.deepEqual(await spend(call), ['clock_backward', 'GH-GRANT-009', again]);
  await db.pool.query('update clock_guard set highest = now()');
  assert.match(String(await spend(call)), /^dec_/);
});

test('without the row of the kill switches nothing runs', async () => {
  const call = await fresh();
  const { rows } = await db.pool.query<{ stopped: object }>('delete from kill_switch returning stopped');
  assert.deepEqual(await spend(call), ['kill_switch', 'GH-GRANT-008', 'Ask an operator.']);
  await db.pool.query('insert into kill_switch (stopped) values ($1)', [rows[0]?.stopped]);
  assert.match(String(await spend(call)), /^dec_/);
});

test('before its binding is known, all else of a grant is looked at', async () => {
  const { binding: _unknown, ...call } = await fresh();
  await update(call.grant, `binding = 'sha256:1'`);
  assert.match(await policy.checkGrant(db.pool, call), /^dec_/);
  await assert.rejects(policy.checkGrant(db.pool, { ...call, binding: null }), {
    reason: 'grant_other_binding',
  });
  assert.match(await policy.checkGrant(db.pool, { ...call, binding: 'sha256:1' }), /^dec_/);
  await assert.rejects(policy.checkGrant(db.pool, { ...call, digest: 'sha256:0' }), {
    reason: 'grant_other_call',
  });
});

test('only a failure of the grant’s own statement is explained as one of the grant', () => {
  assert.equal(missedItsRow({ code: '22012' }), true);
  for (const other of [{}, { code: '23514' }, new Error('lost')]) assert.equal(missedItsRow(other), false);
});

const code = { language: 'python', code: '1' };

test('a decision that waits for people gets its grant from their approval alone, and the same one each time', async () => {
  const asked = await decide('code.run', code);
  assert.equal(asked.grant, null);
  const grant = await policy.issueGrant(db.pool, asked.id);
  assert.match(grant ?? '', new RegExp(`^grant_${asked.id.slice(4)}_`));
  assert.equal(await policy.issueGrant(db.pool, asked.id), grant);
  const { rows } = await db.pool.query<{
    seconds: number;
    tool: string;
    session_key: string;
    message_id: string;
  }>(
    `select extract(epoch from expires_at - now())::int as seconds, tool, session_key, message_id from grants
     where id = $1`,
    [grant],
  );
  const { seconds, ...bound } = rows[0] ?? { seconds: 0 };
  assert.ok(seconds > 290 && seconds <= 300);
  assert.deepEqual(bound, { tool: 'code.run', session_key: run.sessionKey, message_id: run.messageId });
});

test('an allowed decision keeps its grant, and a denied or unknown one never gets one', async () => {
  const allowed = await decide('ledger.balance', {});
  assert.equal(await policy.issueGrant(db.pool, allowed.id), allowed.grant);
  const denied = await decide('customers.export', {});
  for (const id of [denied.id, 'dec_unknown'])
    await assert.rejects(policy.issueGrant(db.pool, id), { code: 'GH-POLICY-030', status: 409 });
  await db.pool.query('delete from grants where id = $1', [allowed.grant]);
  await assert.rejects(policy.issueGrant(db.pool, allowed.id), { code: 'GH-POLICY-030' });
});

test('a call that only advises is approved without a grant', async () => {
  const asked = await policy.decide(run, { tool: 'code.run', args: code, step: 'advice', advisory: true });
  assert.equal(await policy.issueGrant(db.pool, asked.id), null);
});

test('attack: a grant whose row was moved to another decision is not spent', async () => {
  const call = await fresh();
  const other = await decide('code.run', code);
  await update(call.grant, `decision_id = '${other.id}'`);
  await assert.rejects(
    transaction(db.pool, (tx) => Promise.resolve(policy.consumeGrant(tx, call))),
    missedItsRow,
  );
});

/** Whether a statement waits for a lock of another. */
async function somebodyWaits(): Promise<boolean> {
  const { rowCount } = await db.pool.query(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rowCount === 1;
}

test('a decision gets one grant, also where two would give it one at once', async () => {
  const { id } = await decide('code.run', code);
  const other = Promise.withResolvers<unknown>();
  const grant = await transaction(db.pool, async (tx) => {
    const made = await policy.issueGrant(tx, id);
    transaction(db.pool, (second) => policy.issueGrant(second, id)).then(other.reject, other.resolve);
    while (!(await somebodyWaits()));
    return made;
  });
  assert.equal(((await other.promise) as { code?: string }).code, '23505');
  assert.equal(await policy.issueGrant(db.pool, id), grant);
});

test('the grant of an approval holds for what its approval was bound to', async () => {
  const { id } = await decide('code.run', code);
  await db.pool.query(
    `insert into approvals (id, root, kind, groups, quorum, run_id, execution_id, node_id, item_index, resume_path,
       deadline, binding)
     values ($1, $1, 'approve', '{approvers}', 1, gen_random_uuid(), '1', 'n', 0, '/', now(), 'sha256:shown')`,
    [id],
  );
  const grant = await policy.issueGrant(db.pool, id);
  const { rows } = await db.pool.query('select binding from grants where id = $1', [grant]);
  assert.deepEqual(rows, [{ binding: 'sha256:shown' }]);
});

test('attack: an approval that lost its binding does not turn its grant into one that is bound to nothing', async () => {
  const { id, digest } = await decide('code.run', { ...code, code: 'print(2)' });
  await db.pool.query(
    `insert into approvals (id, root, kind, groups, quorum, run_id, execution_id, node_id, item_index, resume_path, deadline)
     values ($1, $1, 'approve', '{approvers}', 1, gen_random_uuid(), '2', 'n', 0, '/', now())`,
    [id],
  );
  const grant = (await policy.issueGrant(db.pool, id)) ?? '';
  const call = { ...(await fresh()), grant, tool: 'code.run', digest };
  const { rows } = await db.pool.query('select binding from grants where id = $1', [grant]);
  assert.deepEqual(rows, [{ binding: null }]);
  assert.deepEqual((await spend(call)).slice(0, 2), ['grant_other_binding', 'GH-GRANT-012']);
});
