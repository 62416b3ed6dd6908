import { transaction, type Transaction } from '../db/index.ts';
import type { Envelope } from '../envelope/index.ts';
import type { RunContext } from '../policy/index.ts';
import type { People } from '../sessions/index.ts';
import { Loop, settledWithin } from './loop.ts';
import { dispatchTimeoutMs, type N8n, type Posted } from './n8n.ts';
import { post } from './outbox.ts';
import type { Queue, Turn } from './queue.ts';
import type { Opening, Runs } from './runs.ts';
import { texts } from './texts.ts';
import type { DeliveryDeps, Opened } from './types.ts';

interface Lapsed {
  id: string;
  message_id: string;
  attempt: number;
  job_id: string | null;
  session_key: string;
  principal: string | null;
  channel: string;
  reply_route: Record<string, string | null> | null;
  envelope: Envelope | null;
}

type DispatcherDeps = Pick<DeliveryDeps, 'pool' | 'settings' | 'people' | 'log'>;

/** Between the commit of a run and n8n's answer only this short lease holds, so that a crash there is soon mended. */
const handoverSeconds = dispatchTimeoutMs / 1000 + 2;
const firstPauseMs = 250;
const longestPauseMs = 5000;

/**
 * Hands messages to n8n: one at a time a session, at most `n8nInflight` at once, again when a run falls silent. While
 * n8n does not answer, one dispatch at a time probes it, and everything else waits in the queue.
 */
export class Dispatcher {
  readonly loop: Loop;
  readonly #deps: DispatcherDeps;
  readonly #queue: Queue;
  readonly #runs: Runs;
  readonly #n8n: N8n;
  readonly #posting = new Set<Promise<void>>();
  #paused = false;
  /** Slots that the last pass left free. */
  #room = 0;
  #pauseMs = 0;
  #closedUntil = 0;
  #probe: NodeJS.Timeout | undefined;

  constructor(deps: DispatcherDeps, queue: Queue, runs: Runs, n8n: N8n) {
    this.#deps = deps;
    this.#queue = queue;
    this.#runs = runs;
    this.#n8n = n8n;
    this.loop = new Loop(() => this.#pass(), 1000, deps.log);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.loop.wake();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#probe);
    await this.loop.stop();
    await settledWithin(this.#posting, 2000);
  }

  async #pass(): Promise<void> {
    if (this.#paused || performance.now() < this.#closedUntil) return;
    const probing = this.#pauseMs > 0;
    if (probing && this.#posting.size > 0) return;
    const opened = await transaction(this.#deps.pool, (tx) => {
      // Not flushed at once: what a crash of Postgres loses of it is opened again, and a token that it forgot is refused.
      tx.send({ text: 'set local synchronous_commit = off' });
      return this.#take(tx, probing ? 1 : this.#deps.settings.n8nInflight);
    });
    for (const run of opened) {
      this.#runs.live.adopt(run);
      const posting = this.#post(run).finally(() => this.#posting.delete(posting));
      this.#posting.add(posting);
    }
  }

  /** Redispatches what fell silent, then fills the free slots from the queue. */
  async #take(tx: Transaction, most: number): Promise<Opened[]> {
    // Gateways that share the database take turns here, so that together they keep to the slots.
    const counting = tx.query(
      `select pg_advisory_xact_lock(hashtext('gatehouse.dispatch'));
       select count(*)::int as open, (count(*) filter (where lease_until < now()))::int as lapsed
       from runs where state = 'running'`,
    ) as unknown as Promise<{ rows: { open: number; lapsed: number }[] }[]>;
    const hope = Math.min(this.#room, most);
    const [results, hoped] = await Promise.all([counting, this.#hope(tx, hope)]);
    const { open = 0, lapsed = 0 } = results[1]?.rows[0] ?? {};
    // Leases that were prolonged in memory are written before any is called lapsed.
    if (lapsed > 0) await this.#runs.live.flush();
    const opened = lapsed > 0 ? await this.#again(tx, most) : [];
    const free = Math.min(this.#deps.settings.n8nInflight - open, most - opened.length);
    const turns = await this.#fitting(tx, { hope, hoped, free });
    this.#room = free - turns.length;
    if (turns.length > 0) opened.push(...(await this.#open(tx, turns)));
    return opened;
  }

  /** Takes turns for the slots that the last pass left free, before they are counted: that saves a round trip. */
  #hope(tx: Transaction, slots: number): Promise<Turn[]> {
    if (slots <= 0) return Promise.resolve([]);
    tx.send({ text: 'savepoint hope' });
    return this.#queue.take(tx, slots);
  }

  /** As many turns as there are slots: those that were hoped for, where they fit, and more where more may wait. */
  async #fitting(
    tx: Transaction,
    { hope, hoped, free }: { hope: number; hoped: Turn[]; free: number },
  ): Promise<Turn[]> {
    const fits = hoped.length <= free;
    if (!fits) tx.send({ text: 'rollback to savepoint hope' });
    else if (hoped.length < hope || hoped.length === free) return hoped;
    const kept = fits ? hoped : [];
    return free <= 0 ? kept : [...kept, ...(await this.#queue.take(tx, free - kept.length))];
  }

  async #open(tx: Transaction, turns: readonly Turn[]): Promise<Opened[]> {
    const openings: Opening[] = [];
    const void_: string[] = [];
    for (const { job, envelope } of turns) {
      // Without a message the turn is over before it began.
      if (envelope === null) void_.push(job);
      else {
        const actor = actorOf(envelope, this.#deps.people);
        openings.push({ envelope, actor, job, leaseSeconds: handoverSeconds });
      }
    }
    await this.#queue.end(tx, void_);
    return this.#runs.open(tx, openings);
  }

  async #again(tx: Transaction, most: number): Promise<Opened[]> {
    const { rows } = await tx.query<Lapsed>(
      `select r.id, r.message_id, r.attempt, r.job_id, r.session_key, r.principal, m.channel, m.reply_route, m.envelope
       from runs r join messages m on m.id = r.message_id
       where r.state = 'running' and r.lease_until < now() order by r.lease_until limit $1 for update of r skip locked`,
      [most],
    );
    const opened: Opened[] = [];
    for (const run of rows) {
      if (run.channel === 'n8n' || run.channel === 'automation') await this.#end(tx, run, 'done');
      else if (!run.envelope || run.attempt >= this.#deps.settings.runMaxDispatches)
        await this.#end(tx, run, 'dead');
      else opened.push(await this.#runs.reopen(tx, run.id, run.envelope, handoverSeconds));
    }
    return opened;
  }

  /** The last try is over: the sender is told and the session goes on, in this transaction. */
  async #end(tx: Transaction, run: Lapsed, state: 'done' | 'dead'): Promise<void> {
    const problem =
      state === 'dead' ? { code: 'GH-DELIVERY-007', reason: 'No run of n8n finished it.' } : null;
    await tx.query(
      `with run as (update runs set state = 'lost', finished_at = now(), job_id = null where id = $1 returning id)
       update messages set state = $3, finished_at = now(), problem = $4 where id = $2`,
      [run.id, run.message_id, state, problem === null ? null : JSON.stringify(problem)],
    );
    if (run.job_id !== null) await this.#queue.end(tx, [run.job_id]);
    await tx.query(`select pg_notify('delivery_run', $1)`, [run.id]);
    if (state === 'done') return;
    this.#deps.log.error(
      { message: run.message_id, attempts: run.attempt },
      'a message is dead: no run finished it',
    );
    if (run.reply_route === null) return;
    await post(tx, [
      {
        id: `dead:${run.id}:${run.attempt}`,
        messageId: run.message_id,
        session: run.session_key,
        principal: run.principal,
        channel: run.channel,
        route: run.reply_route,
        card: run.message_id,
        body: texts.undeliverable(),
      },
    ]);
  }

  async #post(run: Opened): Promise<void> {
    const posted = await this.#n8n.post(run.envelope, run.grant, `${run.runId}-${run.attempt}`);
    try {
      await this.#settle(run, posted);
    } catch (error) {
      // The short lease lapses by itself, and the run is dispatched again.
      this.#deps.log.warn({ err: error, run: run.runId }, 'the outcome of a dispatch could not be written');
    }
  }

  async #settle(run: Opened, posted: Posted): Promise<void> {
    if (posted.kind === 'started') {
      const probed = this.#pauseMs > 0;
      this.#pauseMs = 0;
      if (probed) this.loop.wake();
      this.#runs.live.started(run);
      return;
    }
    this.#deps.log.warn(
      { run: run.runId, attempt: run.attempt, detail: posted.detail },
      'n8n did not take a dispatch',
    );
    if (posted.kind === 'refused') {
      this.#pauseMs = 0;
      await this.#runs.notStarted(run, Math.min(60, 5 * 3 ** (run.attempt - 1)), true);
      return;
    }
    this.#n8n.doubt();
    this.#holdBack();
    // Unclear: it may run, so its short lease decides whether it is dispatched again.
    if (posted.kind === 'unavailable') await this.#runs.notStarted(run, 0, false);
  }

  #holdBack(): void {
    this.#pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, this.#pauseMs * 2));
    this.#closedUntil = performance.now() + this.#pauseMs;
    clearTimeout(this.#probe);
    this.#probe = setTimeout(() => this.loop.wake(), this.#pauseMs + 1);
  }
}

/** Who the message's sender is today; who left people.yaml since has no role and no group. */
export function actorOf(envelope: Envelope, people: Pick<People, 'get'>): RunContext['actor'] {
  const { sender, trust } = envelope.data;
  const person = sender.principal === null ? undefined : people.get(sender.principal);
  return {
    principal: sender.principal,
    display: person?.display ?? sender.display,
    roles: envelope.data.channel.kind === 'automation' ? ['automation'] : (person?.roles ?? []),
    groups: person?.groups ?? [],
    standing: trust.sender,
    ...(person?.clearance && { clearance: person.clearance }),
  };
}
