import type { Tool } from '../catalogue/index.ts';
import type { Transaction } from '../db/index.ts';

/** What a call shares with others that reach the same system under the same account. */
export interface Room {
  /** What is capped, paused and given a rest together, such as `rest:github`. */
  account: string;
  /** How many calls may be under way at once; null for any number. */
  concurrency: number | null;
  /** How long a call waits for room, in seconds. */
  patienceSeconds: number;
}

/** What stays in the gateway or its sandbox needs no room. */
const outside = new Set<Tool['connector']['kind']>(['rest', 'http', 'postgres', 'postgres-query', 'smtp']);
const usualSeconds = 300;

/** How long a call of this tool is tried again that certainly had no effect, in seconds. */
export const retrySeconds = ({ retry, risk, connector }: Tool): number =>
  retry?.seconds ?? (risk === 'read' || !outside.has(connector.kind) ? 0 : usualSeconds);

/** @returns the room that the calls of a tool need; null for a tool that reaches nothing outside */
export function roomOf(tool: Tool): Room | null {
  const { connector, api, secret, timeoutSeconds } = tool;
  if (!outside.has(connector.kind)) return null;
  const name = connector.kind === 'rest' && typeof connector.api === 'string' ? connector.api : secret;
  return {
    account: `${connector.kind.replace('-query', '')}:${name ?? tool.name}`,
    concurrency: api?.concurrency ?? null,
    patienceSeconds: Math.max(timeoutSeconds, retrySeconds(tool)),
  };
}

/** Lets calls that count those under way wait for each other; two that look at once would both find room. */
export function lockRoom(tx: Transaction, { account, concurrency }: Room): void {
  if (concurrency === null) return;
  tx.send({
    name: 'lock-room',
    text: 'select pg_advisory_xact_lock(hashtextextended($1, 19))',
    values: [account],
  });
}

/** SQL for why a call of this account has to wait; null where it need not. */
export const waitsForRoom = (account: string, concurrency: string): string =>
  `case when ${account}::text is null then null
     when exists (select from paused_calls where scope in ('all', ${account}::text)) then 'paused'
     when ${concurrency}::int is not null and (select count(*) from attempts
       where account = ${account}::text and state = 'attempting' and finished_at is null) >= ${concurrency}::int then 'full' end`;
