import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApprovals, type Approvals, type ApprovalsDeps } from '../../../gateway/approvals/index.ts';
import { bind } from '../../../gateway/approvals/binding.ts';
import { findApprovals } from '../../../gateway/approvals/store.ts';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { Signals, type Queryable } from '../../../gateway/db/index.ts';
import { digest, newToken, uuidv7 } from '../../../gateway/envelope/index.ts';
import type { RunContext, TracedLeaf } from '../../../gateway/policy/index.ts';
import { createPeople, type Identity, type People } from '../../../gateway/sessions/index.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

type Delivery = ApprovalsDeps['delivery'];

export const signingSecret = `whsec_${Buffer.from('a signing secret of the tests....').toString('base64')}`;
export const publicUrl = 'https://gate.example.com';
export const fast = { poll: 40, executionPoll: 50, retry: 20, giveUp: 150, request: 2000 };

/** What the stand-ins saw. */
export interface Seen {
  replies: {
    messageId?: string;
    id: string;
    text: string;
    final: boolean;
    buttons: string[];
    link?: string;
    tone?: string;
  }[];
  notices: {
    principal: string;
    id: string;
    card: string;
    text: string;
    buttons: string[];
    link?: string;
    tone?: string;
  }[];
  waiting: string[];
  resumed: string[];
  again: string[];
  done: string[];
  grants: string[];
}

export interface House {
  database: TestDatabase;
  /** What its approvals are built from. */
  deps: ApprovalsDeps;
  approvals: Approvals;
  seen: Seen;
  people: People;
  /** Writes people.yaml anew, as JSON, and has it read. */
  setPeople(file: object): Promise<void>;
  delivery: Delivery;
  /** Principals without any channel. */
  unreachable: Set<string>;
  /** What the policy throws in place of a grant, and what it decides of an edit: from `effect`, as others are asked. */
  policy: {
    refusal: Error | null;
    effect: 'allow' | 'confirm' | 'approve' | 'deny';
    quorum: number;
    /** What is in force; decisions are stored under version `v1` in epoch 0. */
    rules: { version: string; epoch: number };
  };
  /** Whether delivery dispatches a lost run again. */
  startsOver: { allowed: boolean };
  /** A second gateway over the same database. */
  another(more?: Partial<ApprovalsDeps>): Approvals;
  /** Stores a message, its run and a decision. */
  decision(options?: DecisionOptions): Promise<{ id: string; run: RunContext; digest: string }>;
  close(): Promise<void>;
}

export interface DecisionOptions {
  tool?: string;
  args?: Record<string, unknown>;
  effect?: 'allow' | 'confirm' | 'approve' | 'deny';
  quorum?: number;
  groups?: string[];
  provenance?: TracedLeaf[];
  run?: RunContext;
  visibility?: string;
}

/** A person with an account on the web and one in Slack. */
export const person = (principal: string, display: string, groups: string[] = []) => ({
  principal,
  display,
  groups,
  identities: [{ channel: 'web', account: 'local', id: principal }, slack(principal)],
});

/** The Slack account of a person. */
export function slack(principal: string): Identity {
  return { channel: 'slack', account: 'T1', id: `U-${principal}` };
}

export const everybody = [
  person('requester', 'Robin Requester'),
  person('approver-a', 'Alex Approver', ['approvers']),
  person('approver-b', 'Blake Approver', ['approvers']),
  person('stranger', 'Sam Stranger'),
];

/** The approvals room over a real database. Delivery and policy are stand-ins that write down what they were told. */
export async function openHouse(more: Partial<ApprovalsDeps> = {}): Promise<House> {
  const database = await testDatabase();
  const signals = new Signals(database.url);
  await signals.start();
  const policiesDir = await mkdtemp(join(tmpdir(), 'approvals-'));
  // JSON is YAML.
  const writePeople = (file: object): Promise<void> =>
    writeFile(join(policiesDir, 'people.yaml'), JSON.stringify(file));
  await writePeople({ people: everybody });
  const people = await createPeople({ pool: database.pool, policiesDir });
  const unreachable = new Set<string>();
  const policy: House['policy'] = {
    refusal: null,
    effect: 'approve',
    quorum: 1,
    rules: { version: 'v1', epoch: 0 },
  };
  const runs = new Map<string, RunContext>();
  const startsOver = { allowed: true };
  const seen: Seen = { replies: [], notices: [], waiting: [], resumed: [], again: [], done: [], grants: [] };
  const delivery: Delivery = {
    reply: (_tx, { messageId, id, body, final }) => {
      const buttons = (body.buttons ?? []).map((button) => button.value);
      const { text, link, tone } = body;
      seen.replies.push({ messageId, id, text, final, buttons, link: link?.url, tone });
      return Promise.resolve(uuidv7());
    },
    // Like delivery, to each account that may vote; what is said on the first of them is kept.
    notify: async (tx, { principal, id, card, body }) => {
      const accounts = (await people.identitiesOf(principal, tx)).filter((account) => account.mayVote);
      if (unreachable.has(principal)) return 0;
      for (const account of accounts) {
        const said = typeof body === 'function' ? await body(account) : body;
        const buttons = (said.buttons ?? []).map((button) => button.value);
        const { text, link, tone } = said;
        if (account === accounts[0])
          seen.notices.push({ principal, id, card, text, buttons, link: link?.url, tone });
      }
      return accounts.length;
    },
    notifyAll: async (tx, notices) => {
      const routes = [];
      for (const notice of notices) routes.push(await delivery.notify(tx, notice));
      return routes;
    },
    runContext: (_db, runId) => Promise.resolve(runs.get(runId) ?? null),
    runWaiting: async (tx, runId) => {
      seen.waiting.push(runId);
      await tx.query(`update runs set state = 'waiting' where id = $1`, [runId]);
    },
    runResumed: async (tx, runId) => {
      seen.resumed.push(runId);
      await tx.query(`update runs set state = 'running' where id = $1`, [runId]);
      return true;
    },
    runAgain: async (tx, runId) => {
      if (!startsOver.allowed) return false;
      seen.again.push(runId);
      await tx.query(`update runs set state = 'running' where id = $1`, [runId]);
      return true;
    },
    runDone: async (tx, runId) => {
      seen.done.push(runId);
      await tx.query(`update runs set state = 'done' where id = $1`, [runId]);
      return true;
    },
  };
  const deps: ApprovalsDeps = {
    pool: database.pool,
    signals,
    policy: {
      binding: () => policy.rules,
      async issueGrant(tx, decisionId) {
        if (policy.refusal) throw policy.refusal;
        seen.grants.push(decisionId);
        const id = `grant_${decisionId}`;
        await tx.query(
          `insert into grants (id, decision_id, message_id, session_key, tool, digest, policy_version, epoch, expires_at)
           select $1, id, message_id, session_key, tool, digest, policy_version, 1, now() + interval '5 min'
           from decisions where id = $2 on conflict do nothing`,
          [id, decisionId],
        );
        return id;
      },
      async decideWithin(tx, run, call, mustConfirm) {
        const effect = mustConfirm && policy.effect === 'allow' ? 'confirm' : policy.effect;
        const stored = await storeDecision(tx, { ...call, run, effect, quorum: policy.quorum } as Omit<
          DecisionOptions,
          'run'
        > & {
          run: RunContext;
        });
        const approvers =
          effect === 'approve'
            ? { groups: ['approvers'], quorum: policy.quorum, excludeRequester: true }
            : null;
        const reasons = [{ code: 'of_the_test', text: 'The test says so.' }];
        const expiresAt = new Date().toISOString();
        const rules = { version: 'v1', engine: 'test' };
        return {
          ...stored,
          tool: call.tool,
          effect,
          reasons,
          approvers,
          grant: null,
          policy: rules,
          expiresAt,
        };
      },
      standing: {
        offer: () => null,
        check: () => assert.fail('no standing grants here'),
        grant: () => assert.fail('no standing grants here'),
        list: () => Promise.resolve([]),
        revoke: () => assert.fail('no standing grants here'),
      },
    },
    catalogue: loadCatalogue(new URL('../../../policies', import.meta.url).pathname),
    people,
    delivery,
    settings: { publicUrl, n8nUrl: 'http://127.0.0.1:9', approvalSeconds: 600 },
    signingSecret,
    clock: () => new Date(),
    log: createLogger('silent'),
    timing: fast,
    ...more,
  };
  const opened: Approvals[] = [];
  const another = (changes: Partial<ApprovalsDeps> = {}): Approvals => {
    const approvals = createApprovals({ ...deps, ...changes });
    opened.push(approvals);
    return approvals;
  };
  return {
    database,
    deps,
    approvals: another(),
    seen,
    people,
    async setPeople(file) {
      await writePeople(file);
      await people.reload();
    },
    delivery,
    unreachable,
    policy,
    startsOver,
    another,
    async decision(options = {}) {
      const run = options.run ?? (await storeRun(database, options.visibility ?? 'dm'));
      runs.set(run.runId, run);
      return { run, ...(await storeDecision(database.pool, { ...options, run })) };
    },
    async close() {
      for (const approvals of opened) await approvals.stop();
      await signals.stop();
      await database.drop();
      await rm(policiesDir, { recursive: true });
    },
  };
}

async function storeDecision(
  db: Queryable,
  options: DecisionOptions & { run: RunContext },
): Promise<{ id: string; digest: string }> {
  const args = options.args ?? { amount: '120.00', currency: 'EUR', payee: 'ACME', reference: 'invoice-42' };
  const effect = options.effect ?? 'approve';
  const { run } = options;
  const id = newToken('dec');
  const tool = options.tool ?? 'ledger.transfer';
  const hash = digest({ tool, args });
  const approvers = {
    groups: options.groups ?? ['approvers'],
    quorum: options.quorum ?? 1,
    excludeRequester: true,
  };
  await db.query(
    `insert into decisions (id, message_id, run_id, session_key, principal, step, tool, args, digest, effect, reasons,
       approvers, provenance, policy_version, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'v1', now() + interval '1 h')`,
    [
      id,
      run.messageId,
      run.runId,
      run.sessionKey,
      run.principal,
      `step-${id}`,
      tool,
      JSON.stringify(args),
      hash,
      effect,
      JSON.stringify([{ code: 'payment_needs_approval', text: 'Payments need an approval.' }]),
      JSON.stringify(effect === 'approve' ? approvers : null),
      JSON.stringify(options.provenance ?? []),
    ],
  );
  if (effect === 'allow') {
    await db.query(
      `insert into grants (id, decision_id, message_id, session_key, tool, digest, policy_version, epoch, expires_at)
       values ($1, $2, $3, $4, $5, $6, 'v1', 1, now() + interval '5 min')`,
      [`grant_${id}`, id, run.messageId, run.sessionKey, tool, hash],
    );
  }
  return { id, digest: hash };
}

async function storeRun({ pool }: Pick<TestDatabase, 'pool'>, visibility: string): Promise<RunContext> {
  const runId = uuidv7();
  const messageId = `web:local:requester:${runId}:0`;
  await pool.query(
    `insert into messages (id, channel, session_key, principal, event, state) values ($1, 'web', 's', 'requester', 'command', 'running')`,
    [messageId],
  );
  await pool.query(
    `insert into runs (id, message_id, token_hash, session_key, principal, actor, calls_left, lease_until)
     values ($1, $2, $3, 's', 'requester', '{"display":"Robin Requester"}', 50, now() + interval '2 min')`,
    [runId, messageId, Buffer.from(runId)],
  );
  return {
    runId,
    messageId,
    sessionKey: 's',
    principal: 'requester',
    actor: { principal: 'requester', display: 'Robin Requester', roles: [], groups: [], standing: 'member' },
    channel: { kind: 'web', visibility },
    command: null,
    text: '',
    ingress: 'session',
    callsLeft: 50,
  };
}

let executions = 100;

/** A gate of one execution that asks for these decisions. */
export function gateOf(
  decisions: { id: string }[],
  executionId = String((executions += 1)),
  nodeId = 'node-1',
) {
  return {
    executionId,
    nodeId,
    edits: true,
    items: decisions.map(({ id }) => ({
      decision: id,
      resumePath: `/webhook-waiting/${executionId}/${nodeId}?approval=${id}&signature=feed`,
    })),
  };
}

/** Binds an approval to what its row holds by now, as if time had passed and nothing else had changed. */
export async function rebind({ database }: House, id: string): Promise<void> {
  const [row] = await findApprovals(database.pool, 'a.id = $1', [id]);
  if (row) await bind(database.pool, row, row.preview ?? undefined);
}

/** The personal token that the link of a notice carries. */
export function tokenFor(seen: Seen, principal: string, approvalId: string): string {
  const notice = seen.notices.findLast(
    (entry) => entry.principal === principal && entry.link?.includes(approvalId),
  );
  return new URL(notice?.link ?? 'http://none/').hash.slice(1);
}

/** Waits until `check` holds. @throws after 5 s */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 5000;
  while (!(await check())) {
    if (Date.now() > end) throw new Error('it did not happen within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

/** @returns the state of an approval, straight from its row */
export async function stateOf(
  { database }: House,
  id: string,
): Promise<{ state: string; delivered: boolean }> {
  const { rows } = await database.pool.query<{ state: string; delivered: boolean }>(
    'select state, delivered_at is not null as delivered from approvals where id = $1',
    [id],
  );
  if (!rows[0]) throw new Error(`no approval ${id}`);
  return rows[0];
}
