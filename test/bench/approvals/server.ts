import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '../server.ts';
import { look, send, type Person } from './person.ts';

/** What the voters did and how long their pages took, in milliseconds. */
export interface Voted {
  counted: number;
  refused: number;
  failures: string[];
  pages: number[];
  seconds: number;
}

const patience = 5;
/** Nobody reads a card faster than this. */
const readingMs = (): number => 500 + Math.random() * 1000;

/** Reads the inbox, opens one of what it shows, and decides it, until the inbox stays empty. */
async function voteOn(base: string, person: Person, voted: Voted): Promise<void> {
  let empty = 0;
  while (empty < patience) {
    const from = performance.now();
    const inbox = await look(base, person, '/approvals?group=none');
    voted.pages.push(performance.now() - from);
    const ids = [...inbox.text.matchAll(/href="\/approvals\/(dec_[\w-]+)"/g)].map(([, id]) => id ?? '');
    const id = ids[Math.floor(Math.random() * ids.length)];
    if (inbox.status !== 200) voted.failures.push(`the inbox answered ${inbox.status}`);
    if (id === undefined) {
      empty += 1;
      await sleep(300);
      continue;
    }
    empty = 0;
    const card = await look(base, person, `/approvals/${id}`);
    const binding = /name="binding" value="([^"]+)"/.exec(card.text)?.[1];
    await sleep(readingMs());
    // Somebody else decided it meanwhile.
    if (binding === undefined) continue;
    const verdict = Math.random() < 0.8 ? 'approve' : 'reject';
    const status = await send(base, person, `/approvals/${id}/votes`, {
      verdict,
      binding,
      comment: verdict === 'reject' ? 'Not now.' : '',
    });
    if (status === 303) voted.counted += 1;
    else if (status === 409 || status === 403) voted.refused += 1;
    else voted.failures.push(`a vote was answered ${status}`);
  }
}

// The voters share a process of their own. It is ready once they are done.
await serve<{ base: string; people: Person[] }>(async (_variant, { base, people }) => {
  const voted: Voted = { counted: 0, refused: 0, failures: [], pages: [], seconds: 0 };
  const from = performance.now();
  await Promise.all(people.map((person) => voteOn(base, person, voted)));
  voted.seconds = (performance.now() - from) / 1000 - (patience * 300) / 1000;
  return { ready: voted, stop: () => Promise.resolve() };
});
