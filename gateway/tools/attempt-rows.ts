import type { Tool } from '../catalogue/index.ts';
import { destinationsOf, type RunContext } from '../policy/index.ts';
import type { Lease } from '../vault/index.ts';
import type { Attempt } from './attempts.ts';
import type { Caller } from './types.ts';

/** An attempt without an outcome, with all that it takes to go on with it in another process. */
export interface OpenRow {
  id: string;
  decision_id: string;
  message_id: string;
  session_key: string;
  step: string;
  tool: string;
  digest: string;
  tries: number;
  /** Null once the text of its message was deleted. */
  args: Record<string, unknown> | null;
  run_id: string;
  principal: string | null;
  channel: string | null;
  actor: RunContext['actor'] | null;
  policy_version: string;
  epoch: number;
}

/** To be followed by `where`. */
export const openRows = `select a.id, a.decision_id, a.message_id, d.session_key, a.step, a.tool, a.digest, a.tries, d.args,
    d.run_id, d.principal, r.actor, asked.channel, g.policy_version, g.epoch`;
export const openRowsFrom = `from attempts a
  join decisions d on d.id = a.decision_id
  join grants g on g.id = a.grant_id
  left join runs r on r.id = d.run_id
  left join messages asked on asked.id = a.message_id`;

/** The attempt of a row. @param lease that it has open */
export const attemptOf = (row: OpenRow, tool: Tool | undefined, lease: Lease | null): Attempt => ({
  id: row.id,
  decisionId: row.decision_id,
  messageId: row.message_id,
  sessionKey: row.session_key,
  tool: row.tool,
  digest: row.digest,
  destinations: tool && row.args ? destinationsOf(tool, row.args).map(({ digest }) => digest) : [],
  lease,
  tries: row.tries,
  waitsFor: null,
});

/** Who asked for the call of a row; null once that is not known any more. */
export const callerOf = ({ run_id, message_id, principal, channel, actor }: OpenRow): Caller | null =>
  actor && channel !== null
    ? { runId: run_id, messageId: message_id, principal, channel: { kind: channel }, actor }
    : null;
