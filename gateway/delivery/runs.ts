import type { QueryConfig } from 'pg';
import type { Queryable, Transaction } from '../db/index.ts';
import { hashToken, newToken, uuidv7, type Envelope } from '../envelope/index.ts';
import type { RunContext } from '../policy/index.ts';
import { LiveRuns, runOver } from './live-runs.ts';
import { turnsEndOf, type Queue } from './queue.ts';
import type { DeliveryDeps, Opened, RunGrant } from './types.ts';

/** A message about to be worked on by n8n. */
export interface Opening {
  envelope: Envelope;
  actor: RunContext['actor'];
  /** The queue job whose session this turn holds; null for a run that n8n itself started. */
  job: string | null;
  leaseSeconds: number;
}

/** The runs: which message n8n works on, with which token, for how long. */
export class Runs {
  readonly live: LiveRuns;
  readonly #deps: Pick<DeliveryDeps, 'pool' | 'settings' | 'clock' | 'log'>;
  readonly #queue: Queue;

  constructor(deps: Pick<DeliveryDeps, 'pool' | 'settings' | 'clock' | 'log'>, queue: Queue) {
    this.#deps = deps;
    this.#queue = queue;
    this.live = new LiveRuns(deps);
  }

  /** Opens runs and marks their messages running. */
  open(tx: Transaction, openings: readonly Opening[]): Opened[] {
    if (openings.length === 0) return [];
    const opened = openings.map((opening) => ({
      runId: uuidv7(),
      attempt: 1,
      grant: this.#newGrant(),
      envelope: opening.envelope,
      actor: opening.actor,
    }));
    tx.send({
      name: 'delivery-open',
      text: `with opened as (
         insert into runs (id, message_id, token_hash, session_key, principal, actor, job_id, calls_left, lease_until)
         select id, message_id, token_hash, session_key, principal, actor, job_id, $8, now() + lease * interval '1 s'
         from unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::jsonb[], $7::uuid[], $9::int[])
           as run (id, message_id, token_hash, session_key, principal, actor, job_id, lease)
         returning message_id
       )
       update messages m set state = 'running' from opened where m.id = opened.message_id`,
      values: [
        opened.map((run) => run.runId),
        opened.map((run) => run.envelope.id),
        opened.map((run) => hashToken(run.grant.token)),
        opened.map((run) => run.envelope.data.session.key),
        opened.map((run) => run.envelope.data.sender.principal),
        openings.map((opening) => JSON.stringify(opening.actor)),
        openings.map((opening) => opening.job),
        this.#deps.settings.runCallBudget,
        openings.map((opening) => opening.leaseSeconds),
      ],
    });
    return opened;
  }

  /** Gives a run a new token, which voids the earlier execution's, and a fresh budget. */
  async reopen(tx: Queryable, runId: string, envelope: Envelope, leaseSeconds: number): Promise<Opened> {
    const grant = this.#newGrant();
    const { rows } = await tx.query<{ attempt: number; actor: RunContext['actor'] }>(
      `with reopened as (
         update runs set token_hash = $2, attempt = attempt + 1, calls_left = $3, state = 'running', execution_id = null,
           lease_until = now() + $4 * interval '1 s' where id = $1 returning attempt, actor, message_id, id
       ), message as (
         update messages m set state = 'running' from reopened where m.id = reopened.message_id
       )
       select attempt, actor, pg_notify('delivery_run', id::text) from reopened`,
      [runId, hashToken(grant.token), this.#deps.settings.runCallBudget, leaseSeconds],
    );
    const [row] = rows;
    if (!row) throw runOver();
    return { runId, attempt: row.attempt, grant, envelope, actor: row.actor };
  }

  /** n8n did not take the dispatch: it is due again in `seconds`, and counts as an attempt or not. */
  async notStarted(run: Opened, seconds: number, counted: boolean): Promise<void> {
    await this.#deps.pool.query(
      `update runs set attempt = attempt - $4, lease_until = now() + $3 * interval '1 s'
       where id = $1 and token_hash = $2 and state = 'running'`,
      [run.runId, hashToken(run.grant.token), seconds, counted ? 0 : 1],
    );
  }

  async waiting(tx: Transaction, runId: string, executionId: string): Promise<void> {
    const { rows } = await tx.query<{ job_id: string | null }>(
      `with held as (select id, job_id from runs where id = $1 and state in ('running', 'waiting') for update),
       run as (
         update runs r set state = 'waiting', execution_id = $2, job_id = null from held where r.id = held.id
         returning r.message_id
       ), message as (update messages m set state = 'waiting' from run where m.id = run.message_id)
       select job_id, pg_notify('delivery_queue', '') from held`,
      [runId, executionId],
    );
    if (!rows[0]) throw runOver();
    await this.#queue.end(tx, jobsOf(rows));
  }

  async resumed(tx: Transaction, runId: string): Promise<boolean> {
    const { rowCount } = await tx.query(
      `with run as (
         update runs set state = 'running', lease_until = now() + $2 * interval '1 s'
         where id = $1 and state = 'waiting' returning message_id
       )
       update messages m set state = 'running' from run where m.id = run.message_id`,
      [runId, this.#deps.settings.runLeaseSeconds],
    );
    return rowCount === 1;
  }

  /** Lets a waiting run's lease lapse now, so that it is dispatched again as if it had fallen silent. */
  async again(tx: Transaction, runId: string): Promise<boolean> {
    const { rows } = await tx.query<{ state: string; able: boolean }>(
      `select r.state, r.attempt < $2 and m.channel not in ('n8n', 'automation') and m.envelope is not null as able
       from runs r join messages m on m.id = r.message_id where r.id = $1 for update of r`,
      [runId, this.#deps.settings.runMaxDispatches],
    );
    const run = rows[0];
    // A run that is running has been dispatched since; its own lease watches over it.
    if (run?.state !== 'waiting') return run?.state === 'running';
    if (!run.able) return false;
    await tx.query(
      `with run as (
         update runs set state = 'running', token_hash = $2, lease_until = now() - interval '1 s' where id = $1
         returning id, message_id
       ), message as (update messages m set state = 'running' from run where m.id = run.message_id)
       select pg_notify('delivery_run', id::text), pg_notify('delivery_queue', '') from run`,
      // Nobody holds this token: a late call of the lost execution must not prolong the lease.
      [runId, hashToken(newToken('run'))],
    );
    return true;
  }

  /** Ends the open run with this id or of this message. @returns whether there was one */
  async done(tx: Queryable, which: { runId: string } | { messageId: string }): Promise<boolean> {
    const { rows } = await tx.query(ending(which));
    return rows.length > 0;
  }

  /** `done`, of which nobody waits to hear. */
  end(tx: Transaction, runId: string): void {
    tx.send(ending({ runId }));
  }

  #newGrant(): RunGrant {
    const { approvalSeconds, runLeaseSeconds } = this.#deps.settings;
    const expires = this.#deps.clock().getTime() + (approvalSeconds + 2 * runLeaseSeconds) * 1000;
    return { token: newToken('run'), expiresAt: new Date(expires).toISOString() };
  }
}

/** Ends a run, its message and its turn. It returns a row where the run was open. */
function ending(which: { runId: string } | { messageId: string }): QueryConfig {
  const column = 'runId' in which ? 'id' : 'message_id';
  return {
    name: `delivery-done-${column}`,
    text: `with held as (
       select id, job_id from runs where ${column} = $1 and state in ('running', 'waiting') for update
     ), run as (
       update runs r set state = 'done', finished_at = now(), job_id = null from held where r.id = held.id
       returning r.id, r.message_id
     ), message as (
       update messages m set state = 'done', finished_at = now() from run where m.id = run.message_id
       returning m.channel, m.principal
     ), turn as (${turnsEndOf('held')})
     select pg_notify('delivery_queue', ''), pg_notify('delivery_run', held.id::text),
       (select pg_notify('web_reply', principal) from message where channel = 'web' and principal is not null limit 1)
     from held`,
    values: ['runId' in which ? which.runId : which.messageId],
  };
}

function jobsOf(rows: readonly { job_id: string | null }[]): string[] {
  return rows.flatMap((row) => (row.job_id === null ? [] : [row.job_id]));
}
