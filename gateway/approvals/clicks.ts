import type { Outgoing } from '../channels/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { Click } from '../delivery/index.ts';
import type { ApprovalsDeps, Verdict } from './types.ts';
import { vote } from './vote.ts';

const pattern = /^(approve|reject):([\w-]{1,64}):([0-9a-f]{8,64})$/;

/**
 * Turns a click on a Slack or Telegram button into a vote. The button names its own approval and the digest that was
 * shown; the channel proved who clicked. A click that is seen twice counts once.
 * @returns what the clicker is shown, or null for a button that is not an approval's
 */
export async function handleClick(deps: ApprovalsDeps, click: Click): Promise<Outgoing | null> {
  const match = pattern.exec(click.value);
  if (!match) return null;
  try {
    const result = await vote(deps, {
      approvalId: match[2] ?? '',
      principal: click.principal,
      verdict: match[1] as Verdict,
      channel: click.channel,
      identity: click.identity,
      shownDigest: match[3] ?? '',
    });
    return { text: result.message, tone: result.state === 'pending' ? 'waiting' : 'done' };
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.status >= 500) throw error;
    return { text: [error.message, error.next].filter(Boolean).join(' '), tone: 'refused' };
  }
}
