import { recordReceipts } from '../audit/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Transaction } from '../db/index.ts';
import { messageId, sessionKey } from '../envelope/index.ts';
import type { Identity } from '../sessions/index.ts';
import { Actions } from './actions.ts';
import { actorOf, Dispatcher } from './dispatcher.ts';
import { triggerEnvelope } from './envelope.ts';
import { Fetches } from './fetches.ts';
import { Inbox } from './inbox.ts';
import { Linking } from './linking.ts';
import { runContext, runOver } from './live-runs.ts';
import { N8n } from './n8n.ts';
import { besideTheAnswer, Outbox, post, postAnswer, postReply, showProgress, type Parcel } from './outbox.ts';
import { conversationOf, sendPost } from './posts.ts';
import { Queue } from './queue.ts';
import { sweepRetention } from './retention.ts';
import { Runs } from './runs.ts';
import type { Answer, Delivery, DeliveryDeps, DeliveryHealth, Notice, OtherTrigger, Reply } from './types.ts';

const sweepEveryMs = 15 * 60_000;
const pingTimeoutMs = 10_000;

/**
 * Builds delivery. `start` begins to dispatch and to send; before it, messages can be taken in as soon as `boss` runs
 * and its queue exists.
 */
export function createDelivery(deps: DeliveryDeps): Delivery {
  const queue = new Queue(deps.boss);
  const runs = new Runs(deps, queue);
  const n8n = new N8n(deps);
  const dispatcher = new Dispatcher(deps, queue, runs, n8n);
  const outbox = new Outbox(deps);
  const actions = new Actions(deps, queue);
  const fetches = new Fetches(deps);
  const linking = new Linking(deps, (tx, notice) => sendNotice(tx, deps, notice));
  const inbox = new Inbox(deps, queue, (stored) => {
    if (stored === 'turn') dispatcher.loop.wake();
    else actions.loop.wake();
  });
  const silence = [
    deps.signals.on('delivery_queue', () => dispatcher.loop.wake()),
    deps.signals.on('delivery_outbox', () => outbox.loop.wake()),
    deps.signals.on('delivery_links', () => linking.loop.wake()),
    deps.signals.on('delivery_run', (runId) => runs.live.doubt(runId)),
  ];
  let sweeper: NodeJS.Timeout | undefined;
  let counted: { at: number; queue: Promise<DeliveryHealth['queue']> } | undefined;

  return {
    async ingest(messages) {
      const ingested = await inbox.ingest(messages);
      if (messages.some(({ attachments }) => attachments.some(({ source }) => source))) fetches.loop.wake();
      return ingested;
    },
    deadLetter: (channel, unusable) => inbox.deadLetter(channel, unusable),
    openRun: (from) => openRun(deps, runs, from),
    authenticateRun: (token) => runs.live.authenticate(token),
    runContext,
    runWaiting: (tx, runId, executionId) => runs.waiting(tx, runId, executionId),
    runResumed: (tx, runId) => runs.resumed(tx, runId),
    runAgain: (tx, runId) => runs.again(tx, runId),
    runDone: (tx, runId) => runs.done(tx, { runId }),
    reply: (tx, reply) => sendReply(tx, runs, reply),
    answer: (tx, answer) => sendAnswer(tx, runs, answer),
    progress: showProgress,
    conversation: (channel, id) => conversationOf(deps, channel, id),
    post: (tx, written) => sendPost(tx, deps, written),
    notify: (tx, notice) => sendNotice(tx, deps, notice),
    notifyAll: (tx, notices) => sendNotices(tx, deps, notices),
    onAction: (handler) =>
      actions.handleWith(async (click) => (await linking.click(click)) ?? handler(click)),
    onCancel: (handler) => actions.cancelWith(handler),
    answerLink: (code, by, yes) => linking.answer(code, by, yes),
    pong: (id) => n8n.pong(id),
    ping: () => n8n.ping(pingTimeoutMs),
    requeue: async (id) => {
      await transaction(deps.pool, (tx) => requeue(tx, queue, id));
      dispatcher.loop.wake();
    },
    sweep: () => sweepRetention(deps),
    pause: () => dispatcher.pause(),
    resume: () => dispatcher.resume(),

    async health() {
      const now = performance.now();
      if (!counted || now - counted.at > 2000)
        counted = { at: now, queue: countQueue(deps, queue).catch(() => null) };
      return { n8n: await n8n.health(), inbox: inbox.health(), queue: await counted.queue };
    },

    async start() {
      await queue.create();
      await inbox.start();
      runs.live.start();
      dispatcher.loop.start();
      outbox.loop.start();
      actions.loop.start();
      linking.loop.start();
      fetches.loop.start();
      const sweep = (): void =>
        void sweepRetention(deps).catch((error: unknown) =>
          deps.log.warn({ err: error }, 'the retention sweep failed'),
        );
      sweeper = setInterval(sweep, sweepEveryMs);
      // Also a gateway that never runs for long deletes what is past its retention.
      sweep();
    },

    async stop() {
      clearInterval(sweeper);
      for (const end of silence.splice(0)) end();
      await Promise.all([dispatcher.stop(), outbox.stop()]);
      await Promise.all([actions, linking, fetches].map(({ loop }) => loop.stop()));
      await runs.live.stop();
      await n8n.close();
    },
  };
}

async function openRun(deps: DeliveryDeps, runs: Runs, from: OtherTrigger): ReturnType<Delivery['openRun']> {
  const { automation: name } = from.trigger;
  const kind = name === undefined ? 'n8n' : 'automation';
  const automation = name === undefined ? null : deps.automations.get(name, from.workflowId);
  if (automation === undefined) {
    throw new GatehouseError('GH-DELIVERY-009', 'This automation is not declared for this workflow.', {
      status: 403,
      next: 'Declare it in policies/automations.yaml with the id of this workflow, then reload.',
    });
  }
  const id = messageId({
    channel: kind,
    account: from.workflowId,
    conversation: from.executionId,
    nativeId: `${from.nodeId}.${from.itemIndex}`,
    revision: 0,
  });
  const session = sessionKey(deps.sessionSecret, {
    channel: kind,
    account: from.workflowId,
    conversation: from.executionId,
    sender: name ?? from.workflowId,
  });
  const leaseSeconds = deps.settings.runLeaseSeconds;
  return transaction(deps.pool, async (tx) => {
    const envelope = triggerEnvelope(from, automation, id, session, deps.clock());
    const { rowCount } = await tx.query(
      `insert into messages (id, channel, session_key, event, state, envelope, reply_route, principal)
       values ($1, $2, $3, 'created', 'running', $4, '{}', $5) on conflict (id) do nothing`,
      [id, kind, session, JSON.stringify(envelope), automation?.principal ?? null],
    );
    if (rowCount === 1) {
      const facts = {
        channel: kind,
        event: 'created',
        session,
        principal: automation?.principal ?? null,
        evidence: envelope.data.raw.sha256,
      };
      recordReceipts(tx, [{ kind: 'envelope', messageId: id, facts }]);
      const actor = actorOf(envelope, deps.people);
      const [opened] = runs.open(tx, [{ envelope, actor, job: null, leaseSeconds }]);
      if (!opened) throw runOver();
      return { envelope, run: opened.grant };
    }
    const { rows } = await tx.query<{ id: string }>(
      `select id from runs where message_id = $1 and state in ('running', 'waiting') for update`,
      [id],
    );
    if (!rows[0]) throw runOver();
    const again = await runs.reopen(tx, rows[0].id, envelope, leaseSeconds);
    return { envelope, run: again.grant };
  });
}

async function sendReply(tx: Transaction, runs: Runs, reply: Reply): Promise<string | null> {
  const { id, messageId, final } = reply;
  const [{ channel, fresh }, ended] = await Promise.all([
    postReply(tx, reply),
    final ? runs.done(tx, { messageId }) : false,
  ]);
  if (!fresh) return null;
  if (final && !ended) besideTheAnswer(tx, id);
  const facts = { reply: id, channel, final };
  return recordReceipts(tx, [{ kind: 'reply', messageId, facts }])[0] ?? null;
}

/** In one packet with what its transaction sends before and after it. */
function sendAnswer(tx: Transaction, runs: Runs, answer: Answer): void {
  const { id, runId, messageId, channel } = answer;
  postAnswer(tx, answer);
  runs.end(tx, runId);
  besideTheAnswer(tx, id);
  recordReceipts(tx, [{ kind: 'reply', messageId, facts: { reply: id, channel, final: true } }]);
}

async function sendNotice(tx: Transaction, deps: DeliveryDeps, notice: Notice): Promise<number> {
  return (await sendNotices(tx, deps, [notice]))[0] ?? 0;
}

/** Two statements, however many are told. */
async function sendNotices(
  tx: Transaction,
  deps: DeliveryDeps,
  notices: readonly Notice[],
): Promise<number[]> {
  if (notices.length === 0) return [];
  const identities = await deps.people.identitiesOfAll(
    notices.map((notice) => notice.principal),
    tx,
  );
  const parcels: Parcel[][] = [];
  for (const notice of notices)
    parcels.push(await parcelsOf(deps, notice, identities.get(notice.principal) ?? []));
  await post(tx, parcels.flat());
  return parcels.map(({ length }) => length);
}

async function parcelsOf(
  deps: DeliveryDeps,
  { principal, id: notice, card, body, to = (identity) => identity.mayVote }: Notice,
  identities: readonly (Identity & { mayVote: boolean })[],
): Promise<Parcel[]> {
  const parcels: Parcel[] = [];
  for (const { channel, account, id } of identities.filter(to)) {
    const adapter = deps.adapters.get(channel);
    const route = adapter?.account() === account ? adapter.directRoute(id) : null;
    if (!route) continue;
    parcels.push({
      id: `${notice}:${channel}:${account}:${id}`,
      messageId: null,
      session: sessionKey(deps.sessionSecret, {
        channel,
        account,
        conversation: `notices ${id}`,
        sender: id,
      }),
      principal,
      channel,
      route,
      card,
      body: typeof body === 'function' ? await body({ channel, account, id }) : body,
    });
  }
  return parcels;
}

async function requeue(tx: Transaction, queue: Queue, id: string): Promise<void> {
  const { rows } = await tx.query<{ session_key: string }>(
    `update messages set state = 'queued', problem = null, finished_at = null
     where id = $1 and state = 'dead' and envelope is not null returning session_key`,
    [id],
  );
  if (!rows[0]) {
    throw new GatehouseError(
      'GH-DELIVERY-004',
      'Only a dead message whose text is still there can be queued again.',
      {
        status: 409,
        field: 'message',
      },
    );
  }
  await queue.append(tx, [{ message: id, session: rows[0].session_key }]);
}

async function countQueue(deps: DeliveryDeps, queue: Queue): Promise<DeliveryHealth['queue']> {
  const [sizes, { rows }] = await Promise.all([
    queue.sizes(),
    deps.pool.query<{ running: number; waiting: number; outbox: number }>(
      `select (select count(*) from runs where state = 'running') as running,
         (select count(*) from runs where state = 'waiting') as waiting,
         (select count(*) from outbox where state = 'queued') as outbox`,
    ),
  ]);
  const open = rows[0] ?? { running: 0, waiting: 0, outbox: 0 };
  return { ...sizes, ...open };
}
