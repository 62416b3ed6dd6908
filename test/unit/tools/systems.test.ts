import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { createPreviews, createTools, type Execution, type Tools } from '../../../gateway/tools/index.ts';
import { policiesDir, runOf } from '../policy/support.ts';
import { hashOf, shared, type Shared } from './files/support.ts';
import { approve, bench, type Bench } from './support.ts';

/** Calls of databases, files, mail and chat on their whole way: decision, grant, lease, connector, receipt. */
let at: Bench;
let bare: Bench;
let disk: Shared;
let tools: Tools;
let unset: Tools;
let message = 0;
before(async () => {
  disk = shared();
  [at, bare] = await Promise.all([bench({ files: disk.connector }), bench()]);
  at.deps.preview = createPreviews({ ...at.deps, files: disk.folders });
  [tools, unset] = [createTools(at.deps), createTools(bare.deps)];
});
after(async () => {
  await Promise.all([at.close(), bare.close(), disk.close()]);
});
beforeEach(() => {
  message += 1;
});

const run = () =>
  runOf({
    messageId: `web:local:c1:${message}:0`,
    sessionKey: `systems-${message}`,
    words: ['notes/june.txt', 'note', '10'],
  });

/** Decides a call, approves it where somebody has to, and runs it. */
async function done(on: Bench, by: Tools, tool: string, args: Record<string, unknown>): Promise<Execution> {
  const decision = await on.policy.decide(run(), { tool, args, step: 'check:0:0' });
  assert.notEqual(decision.effect, 'deny', JSON.stringify(decision.reasons));
  const grant = decision.grant ?? (await approve(on, decision.id));
  return by.execute(run(), { tool, args, grant, step: 'x:0:0' });
}

test('a free query is allowed to a member, runs as the reader, and leaves its receipts', async () => {
  const sql = 'select count(*)::int as customers from customers';
  const outcome = await tools.execute(run(), { tool: 'database.query', args: { sql }, step: 'x:0:0' });
  assert.equal(outcome.status, 'succeeded', outcome.text);
  assert.equal(outcome.text, 'The database answered with 1 rows: [{"customers":12}]');
  const { rows } = await at.db.pool.query<{ kind: string; facts: { secret?: string } }>(
    'select kind, facts from receipts where message_id = $1 order by arrival',
    [run().messageId],
  );
  assert.deepEqual(
    rows.map(({ kind }) => kind),
    ['decision', 'attempt', 'secret.lease', 'outcome'],
  );
  assert.equal(rows[2]?.facts.secret, 'demo/postgres-reader');
  const password = new URL((await at.store.get('demo/postgres-reader')) ?? '').password;
  assert.ok(!JSON.stringify([outcome, rows]).includes(password));
});

test('attack: a query that writes changes nothing and says why', async () => {
  const outcome = await tools.execute(run(), {
    tool: 'database.query',
    args: { sql: 'delete from prices' },
    step: 'x:0:0',
  });
  assert.equal(outcome.status, 'failed');
  assert.equal(outcome.reasons?.[0]?.code, 'GH-TOOLS-050');
  assert.equal((await at.demo.query('select from prices')).rowCount, 3);
});

test('a price change of everything asks two people, shows its rows, and is done once', async () => {
  const args = { percent: '10' };
  const decision = await at.policy.decide(run(), { tool: 'prices.raise', args, step: 'check:0:0' });
  assert.deepEqual([decision.effect, decision.approvers?.quorum], ['approve', 2]);
  const preview = await at.deps.preview({
    decisionId: decision.id,
    messageId: run().messageId,
    principal: 'requester',
    tool: 'prices.raise',
    args,
  });
  assert.deepEqual(
    [preview.state, ...preview.facts.map(({ label, value }) => `${label}: ${value}`)],
    ['shown', 'Rows that it changes: 3', 'prices: updated: 3'],
  );
  const grant = await approve(at, decision.id);
  const call = { tool: 'prices.raise', args, grant, step: 'x:0:0' };
  assert.equal((await tools.execute(run(), call)).status, 'succeeded');
  assert.equal((await tools.execute(run(), call)).replayed, true);
  const { rows } = await at.demo.query(`select price::text as price from prices where product = 'team'`);
  assert.deepEqual(rows, [{ price: '53.90' }]);
});

test('a file is written, and deleted only as it was looked at and approved', async () => {
  const path = 'notes/june.txt';
  const written = await done(at, tools, 'files.write', { path, content: 'note' });
  assert.equal(written.status, 'succeeded', written.text);
  assert.equal(readFileSync(join(disk.root, path), 'utf8'), 'note');
  message += 1;
  const args = { path, sha256: hashOf('note') };
  const decision = await at.policy.decide(run(), { tool: 'files.delete', args, step: 'check:0:0' });
  assert.equal(decision.effect, 'approve');
  const preview = await at.deps.preview({
    decisionId: decision.id,
    messageId: run().messageId,
    principal: 'requester',
    tool: 'files.delete',
    args,
  });
  assert.match(preview.facts[0]?.value ?? '', /^4 bytes, SHA-256/);
  writeFileSync(join(disk.root, path), 'other');
  const grant = await approve(at, decision.id);
  const refused = await tools.execute(run(), { tool: 'files.delete', args, grant, step: 'x:0:0' });
  assert.deepEqual([refused.status, refused.reasons?.[0]?.code], ['failed', 'GH-TOOLS-065']);
  assert.ok(existsSync(join(disk.root, path)));
});

test('attack: a deletion without the hash of what is deleted is denied', async () => {
  for (const sha256 of ['latest', '*', '']) {
    const decision = await at.policy.decide(run(), {
      tool: 'files.delete',
      args: { path: 'a', sha256 },
      step: `c${sha256.length}:0:0`,
    });
    assert.equal(decision.effect, 'deny', sha256);
  }
});

const unsetCalls: [string, Record<string, unknown>, string, RegExp][] = [
  ['files.read', { path: 'notes/june.txt' }, 'GH-TOOLS-060', /Set GATEHOUSE_FILES_DIR/],
  [
    'mail.send',
    { to: ['ann@example.org'], subject: 'a', text: 'b' },
    'GH-VAULT-008',
    /gatehouse secret set mail\/smtp/,
  ],
  [
    'mail.blast',
    { to: ['ann@example.org'], subject: 'a', text: 'b' },
    'GH-VAULT-008',
    /gatehouse secret set mail\/list/,
  ],
  [
    'chat.post',
    { conversation: 'news', text: 'Hello' },
    'GH-TOOLS-080',
    /List it under connector\.conversations/,
  ],
];
for (const [tool, args, code, next] of unsetCalls) {
  test(`${tool} that is not set up says what to do`, async () => {
    const outcome = await done(bare, unset, tool, args);
    assert.deepEqual([outcome.status, outcome.reasons?.[0]?.code], ['failed', code]);
    assert.match(outcome.text ?? '', next);
  });
}

test('an approved message is posted once, with its outcome, and a refused one not at all', async () => {
  const policies = mkdtempSync(join(tmpdir(), 'gatehouse-policies-'));
  cpSync(policiesDir, policies, { recursive: true });
  const file = join(policies, 'tools', 'chat.post.yaml');
  const listed = readFileSync(file, 'utf8').replace(
    'conversations: {}',
    'conversations: { news: { channel: slack, id: C0123 } }',
  );
  writeFileSync(file, listed);
  const on = await bench({}, policies);
  const by = createTools(on.deps);
  const args = { conversation: 'news', text: 'We open at nine' };
  assert.equal(
    (await by.execute(run(), { tool: 'chat.post', args, step: 'n:0:0' })).status,
    'needs_approval',
  );
  assert.deepEqual(on.replies, []);
  const outcome = await done(on, by, 'chat.post', args);
  assert.equal(outcome.status, 'succeeded', outcome.text);
  assert.deepEqual(on.replies, [{ id: outcome.attempt, text: 'We open at nine' }]);
  assert.equal((await by.execute(run(), { tool: 'chat.post', args, step: 'x:0:0' })).replayed, true);
  assert.equal(on.replies.length, 1);
  await on.close();
  rmSync(policies, { recursive: true });
});

test('mail and chat need somebody else, and recipients are counted', async () => {
  for (const [tool, args] of [
    ['mail.send', { to: ['ann@example.org'], subject: 'a', text: 'b' }],
    ['chat.post', { conversation: 'news', text: 'Hello' }],
  ] as const) {
    const decision = await at.policy.decide(run(), { tool, args, step: `${tool}:0:0` });
    assert.equal(decision.effect, 'approve');
  }
  const to = Array.from({ length: 12 }, (_, n) => `r${n}@example.org`);
  const many = await at.policy.decide(run(), {
    tool: 'mail.blast',
    args: { to, subject: 'a', text: 'b' },
    step: 'many:0:0',
  });
  assert.equal(many.approvers?.quorum, 2);
  assert.ok(many.reasons.some(({ code }) => code === 'many_recipients'));
});
