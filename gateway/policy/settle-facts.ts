import type { Transaction } from '../db/index.ts';
import { release, settleUsed } from './reservations.ts';

/** A call that has ended. */
interface Ended {
  decisionId: string;
  sessionKey: string;
  tool: string;
  /** Digests of where it went, by `destinationsOf`. */
  destinations: readonly string[];
  /** Tokens of a language model that it says it used; null where it does not say. */
  tokens: number | null;
}

/**
 * Records what the end of a call means for later decisions, in the transaction that records the end: its session has seen
 * an answer of the tool, a destination that it reached is known, a failed call gives its budgets back, and one that used a
 * language model is charged for what it used.
 */
export function settleFacts(tx: Transaction, ended: Ended, status: 'succeeded' | 'failed' | 'unknown'): void {
  const { sessionKey, tool } = ended;
  tx.gather(settle, { sessionKey, tool, digests: status === 'succeeded' ? ended.destinations : [] });
  if (status === 'failed') release(tx, ended.decisionId);
  else if (ended.tokens !== null) settleUsed(tx, ended.decisionId, { tokens: ended.tokens });
}

// In one order, so that two transactions wait for each other and never deadlock.
const settle = {
  name: 'settle-facts',
  text: `with ended as (
      select * from json_to_recordset($1) as t ("sessionKey" text, tool text, digests text[])
    ), seen as (
      insert into session_tools (session_key, tool) select distinct "sessionKey", tool from ended order by 1, 2
      on conflict do nothing
    ) insert into destinations (tool, digest)
      select distinct tool, digest from ended, unnest(digests) as d (digest) order by 1, 2
      on conflict do nothing`,
};
