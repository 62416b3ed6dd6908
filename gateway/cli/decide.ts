import { createInterface } from 'node:readline/promises';
import { z } from 'zod';
import type { Card, Verdict } from '../approvals/index.ts';
import { GatehouseError } from '../config/index.ts';
import { find, linesOf } from './cards.ts';
import { plain } from './output.ts';
import { keptSession, refusalOf, request } from './terminal.ts';

const Open = z.looseObject({ approvals: z.array(z.custom<Card>()) });
const Voted = z.looseObject({ message: z.string() });

/**
 * Shows a request and votes on what was shown, as the person who is signed in at this terminal.
 * @throws GatehouseError `GH-CLI-405`, `GH-CLI-416` to `-419`, and what the gateway says to the vote
 */
export async function decide(
  verdict: Verdict,
  wanted: string,
  { comment = '', yes = false }: { comment?: string; yes?: boolean },
): Promise<void> {
  const session = await keptSession();
  if (!session) {
    throw new GatehouseError(
      'GH-CLI-416',
      'A terminal does not prove who you are, and this one is not signed in.',
      {
        next: 'npx gatehouse login, or decide on the approvals page.',
      },
    );
  }
  const { url, token } = session;
  const answer = await request(`${url}/terminal/approvals?begins=${encodeURIComponent(wanted)}`, { token });
  const open = Open.safeParse(answer.json);
  if (answer.status !== 200 || !open.success) throw refusalOf(answer);
  const card = find(open.data.approvals, wanted);
  process.stdout.write(`${linesOf(card).map(plain).join('\n')}\n`);
  if (card.strict) {
    throw new GatehouseError(
      'GH-CLI-417',
      'A request of this kind is decided with a second factor, not here.',
      {
        next: `Decide it at ${url}/approvals/${encodeURIComponent(card.id)}`,
      },
    );
  }
  if (verdict === 'reject' && comment.trim() === '') {
    throw new GatehouseError('GH-CLI-418', 'A rejection needs a reason; nothing was decided.', {
      next: 'Add --comment "one sentence for the requester".',
    });
  }
  if (!yes) await confirm(verdict, card);
  const vote = await request(`${url}/terminal/approvals/${encodeURIComponent(card.id)}/votes`, {
    token,
    body: { verdict, comment, shown: card.binding },
  });
  const voted = Voted.safeParse(vote.json);
  if (vote.status !== 200 || !voted.success) throw refusalOf(vote);
  process.stdout.write(`${plain(voted.data.message)}\n`);
}

/** Takes the amount, or the verdict where there is none, typed by hand: Enter alone approves nothing. */
async function confirm(verdict: Verdict, card: Card): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) throw unconfirmed('Nobody is here to confirm it.');
  const amount = verdict === 'approve' ? /^([\d.,]+) [A-Z]{3}$/.exec(card.effect)?.[1] : undefined;
  const word = amount ?? verdict;
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const typed = await lines.question(`Type ${word} to ${verdict} it as you see it here: `);
  lines.close();
  // Whether the groups of digits are set apart is no matter.
  const digits = (text: string): string => text.trim().replaceAll(',', '');
  if (digits(typed) !== digits(word)) throw unconfirmed('That is something else.');
}

const unconfirmed = (why: string): GatehouseError =>
  new GatehouseError('GH-CLI-419', `${why} Nothing was decided.`, {
    next: 'Type what is asked for, or add --yes.',
  });
