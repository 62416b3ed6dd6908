import { GatehouseError } from '../config/index.ts';
import type { Queryable } from '../db/index.ts';
import { hashToken, type Envelope } from '../envelope/index.ts';
import type { RunContext } from '../policy/index.ts';
import type { DeliveryDeps, Opened } from './types.ts';

interface Live {
  context: Omit<RunContext, 'callsLeft'>;
  hash: Buffer;
  callsLeft: number;
  checkedAt: number;
  usedAt: number;
  dirty: boolean;
}

/** A cached run is looked up again after this long, in case the signal that it ended was lost. */
const trustMs = 5000;
/** A run that is over still answers this long, so that a retried last call gets its recorded answer. */
const graceSeconds = 60;

/**
 * The runs in use, in memory: checking a token costs no round trip while its run is live. Calls and leases are
 * written back every second; what a crash loses of the count is at most that second's.
 */
export class LiveRuns {
  readonly #deps: Pick<DeliveryDeps, 'pool' | 'settings' | 'log'>;
  /** By token: hashing one costs more than all else that a look-up does. */
  readonly #live = new Map<string, Live>();
  readonly #loading = new Map<string, Promise<Live>>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(deps: Pick<DeliveryDeps, 'pool' | 'settings' | 'log'>) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.flush().catch((error: unknown) =>
        this.#deps.log.warn({ err: error }, 'run leases were not written'),
      );
    }, 1000);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush().catch(() => undefined);
  }

  /** Takes in a run that is about to be given to n8n, which spares the look-up of its first call. */
  adopt(run: Opened): void {
    const now = performance.now();
    // A run that is dispatched again has a new token, which voids the earlier one at once.
    if (run.attempt > 1) this.#forget(run.runId);
    this.#live.set(run.grant.token, {
      context: contextOf(run.runId, run.actor, run.envelope),
      hash: hashToken(run.grant.token),
      callsLeft: this.#deps.settings.runCallBudget,
      checkedAt: now,
      usedAt: now,
      dirty: false,
    });
  }

  #forget(runId: string): void {
    for (const [token, live] of this.#live) if (live.context.runId === runId) this.#live.delete(token);
  }

  /** n8n took the run: its full lease is written with the next calls. */
  started(run: Opened): void {
    const live = this.#live.get(run.grant.token);
    if (live) live.dirty = true;
  }

  /** The run behind a token, with one call counted. */
  async authenticate(token: string): Promise<RunContext> {
    const now = performance.now();
    const cached = this.#live.get(token);
    const live = cached && now - cached.checkedAt < trustMs ? cached : await this.#load(token);
    if (live.callsLeft <= 0) {
      throw new GatehouseError('GH-RUN-002', 'This run has spent its budget of calls.', {
        status: 403,
        next: 'Look for a loop in the workflow, or raise GATEHOUSE_RUN_CALL_BUDGET.',
        field: 'run',
      });
    }
    live.callsLeft -= 1;
    live.usedAt = now;
    live.dirty = true;
    return { ...live.context, callsLeft: live.callsLeft };
  }

  /** Looks a run (or, without an id, every run) up again at its next call. */
  doubt(runId: string): void {
    for (const live of this.#live.values()) {
      if (runId === '' || live.context.runId === runId) live.checkedAt = -Infinity;
    }
  }

  /** Writes counted calls and prolonged leases back, and forgets runs that are no longer used. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.catch(() => undefined).then(() => this.#write());
    return this.#flushing;
  }

  async #write(): Promise<void> {
    const idle = performance.now() - 600_000;
    const dirty: Live[] = [];
    for (const [token, live] of this.#live) {
      if (live.dirty) dirty.push(live);
      else if (live.usedAt < idle) this.#live.delete(token);
    }
    if (dirty.length === 0) return;
    for (const live of dirty) live.dirty = false;
    try {
      await this.#deps.pool.query({
        name: 'run-leases',
        text: `update runs r set calls_left = least(r.calls_left, used.calls_left),
           lease_until = case when r.state = 'running' then now() + $3 * interval '1 s' else r.lease_until end
         from unnest($1::bytea[], $2::int[]) as used (token_hash, calls_left) where r.token_hash = used.token_hash`,
        values: [
          dirty.map((live) => live.hash),
          dirty.map((live) => live.callsLeft),
          this.#deps.settings.runLeaseSeconds,
        ],
      });
    } catch (error) {
      for (const live of dirty) live.dirty = true;
      throw error;
    }
  }

  #load(token: string): Promise<Live> {
    let loading = this.#loading.get(token);
    if (!loading) {
      loading = this.#read(token).finally(() => this.#loading.delete(token));
      this.#loading.set(token, loading);
    }
    return loading;
  }

  async #read(token: string): Promise<Live> {
    const hash = hashToken(token);
    const checkedAt = performance.now();
    const { rows } = await this.#deps.pool.query<{
      id: string;
      actor: RunContext['actor'];
      calls_left: number;
      envelope: Envelope | null;
    }>({
      name: 'live-run',
      text: `select r.id, r.actor, r.calls_left, m.envelope from runs r join messages m on m.id = r.message_id
         where r.token_hash = $1 and (r.state in ('running', 'waiting')
           or (r.state = 'done' and r.finished_at > now() - ${graceSeconds} * interval '1 s'))`,
      values: [hash],
    });
    const row = rows[0];
    if (!row?.envelope) {
      this.#live.delete(token);
      throw runOver();
    }
    const known = this.#live.get(token);
    const live: Live = {
      context: contextOf(row.id, row.actor, row.envelope),
      hash,
      // The count in memory is ahead of the stored one.
      callsLeft: Math.min(row.calls_left, known?.callsLeft ?? Infinity),
      checkedAt,
      usedAt: checkedAt,
      dirty: known?.dirty ?? false,
    };
    this.#live.set(token, live);
    return live;
  }
}

/** Who asked for what in a run, as its calls are decided; null once the text of its message was deleted. */
export async function runContext(db: Queryable, runId: string): Promise<RunContext | null> {
  const { rows } = await db.query<{
    actor: RunContext['actor'];
    calls_left: number;
    envelope: Envelope | null;
  }>(
    `select r.actor, r.calls_left, m.envelope from runs r join messages m on m.id = r.message_id where r.id = $1`,
    [runId],
  );
  const row = rows[0];
  return row?.envelope ? { ...contextOf(runId, row.actor, row.envelope), callsLeft: row.calls_left } : null;
}

function contextOf(runId: string, actor: RunContext['actor'], envelope: Envelope): Live['context'] {
  const { data } = envelope;
  return {
    runId,
    messageId: envelope.id,
    sessionKey: data.session.key,
    principal: data.sender.principal,
    actor,
    channel: { kind: data.channel.kind, visibility: data.channel.visibility },
    command: data.content.command,
    text: data.content.text,
    ingress: data.trust.ingress,
  };
}

/** The refusal of a run token that opens nothing (any more). */
export function runOver(): GatehouseError {
  return new GatehouseError('GH-RUN-001', 'This run token is unknown, or its run is over.', {
    status: 403,
    next: 'Pass on the run token of the envelope that this execution was started with.',
    field: 'run',
  });
}
