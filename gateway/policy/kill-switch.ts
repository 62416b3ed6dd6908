import { recordReceipts } from '../audit/index.ts';
import type { Catalogue } from '../catalogue/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Pool, type Queryable } from '../db/index.ts';

/** What a switch stops: `all`, or the calls of one tool, channel, person or session, as `tool:ledger.transfer`. */
export type KillTarget = 'all' | `${'tool' | 'channel' | 'person' | 'session'}:${string}`;

/** A switch that is on. */
export interface KillSwitch {
  target: KillTarget;
  reason: string;
  by: string;
  since: string;
}

/** What of a call a switch can name. */
export interface Stoppable {
  tool: string;
  channel: string;
  principal: string | null;
  sessionKey: string;
}

/** A turn of a switch. */
export interface KillSwitchChange {
  engaged: boolean;
  reason: string;
  /** Principal or client that turned it. */
  by: string;
  /** Everything, where it is left out. */
  target?: KillTarget;
}

/** Every target that stops this call. */
export const targetsOf = (call: Stoppable): KillTarget[] => [
  'all',
  `tool:${call.tool}`,
  `channel:${call.channel}`,
  `session:${call.sessionKey}`,
  ...(call.principal === null ? [] : ([`person:${call.principal}`] as const)),
];

const written = /^(?:all|(?:tool|channel|person|session):[\x21-\x7e][\x20-\x7e]{0,255})$/;

function checkTarget(target: string): KillTarget {
  if (written.test(target)) return target as KillTarget;
  throw new GatehouseError('GH-POLICY-040', 'This is nothing that a kill switch can stop.', {
    field: 'target',
    next: 'Name all, or tool:NAME, channel:NAME, person:PRINCIPAL or session:KEY.',
  });
}

/**
 * Turns a kill switch. Once this returns with `engaged`, no call that it stops starts until it is turned off: the row is
 * held by every call that did not see the change, until its end.
 * @throws GatehouseError `GH-POLICY-040` for what is no target, `GH-POLICY-041` for a tool that does not exist
 */
export async function setKillSwitch(
  pool: Pool,
  catalogue: Pick<Catalogue, 'get'>,
  change: KillSwitchChange,
): Promise<void> {
  const { engaged, reason, by } = change;
  const target = checkTarget(change.target ?? 'all');
  const tool = /^tool:(.*)$/.exec(target)?.[1];
  // A slip of the pen would look like a stopped tool. One that is gone may still be switched on again.
  if (engaged && tool !== undefined && !catalogue.get(tool)) {
    throw new GatehouseError('GH-POLICY-041', `There is no tool ${tool}, so nothing was stopped.`, {
      status: 404,
      field: 'target',
      next: 'gatehouse tools list names them all.',
    });
  }
  await transaction(pool, async (tx) => {
    if (engaged) {
      await tx.query(
        `update kill_switch set stopped = stopped || jsonb_build_object($1::text,
           jsonb_build_object('reason', $2::text, 'by', $3::text, 'since', now()))`,
        [target, reason, by],
      );
    } else {
      await tx.query('update kill_switch set stopped = stopped - $1::text', [target]);
    }
    recordReceipts(tx, [{ kind: 'kill-switch', facts: { engaged, target, by, reason } }]);
  });
}

/** The switches that are on, the latest last. */
export async function listKillSwitches(db: Queryable): Promise<KillSwitch[]> {
  const { rows } = await db.query<KillSwitch>(
    `select key as target, value ->> 'reason' as reason, value ->> 'by' as by, value ->> 'since' as since
     from kill_switch, jsonb_each(stopped) order by value ->> 'since', key`,
  );
  return rows;
}

/**
 * Whether a switch stops the call of a decision. A call that was started before may not be started a second time then. In a
 * transaction the answer holds until its end.
 * @returns true also where that cannot be found out
 */
export async function killSwitchOn(db: Queryable, decisionId: string): Promise<boolean> {
  const { rows } = await db.query<{ stopped: boolean | null }>(
    `select k.stopped ?| array['all', 'tool:' || d.tool, 'session:' || d.session_key, 'person:' || d.principal,
       'channel:' || m.channel] as stopped
     from kill_switch k, decisions d left join messages m on m.id = d.message_id where d.id = $1 for share of k`,
    [decisionId],
  );
  return rows[0]?.stopped !== false;
}
