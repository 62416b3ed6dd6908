import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer, Asked } from '../../fixtures/openai/index.ts';
import type { Script } from '../../fixtures/openai/index.ts';

/** A fact that was planted: its number and its value. */
const planted = /FACT-(\d+)=(\w+)/g;

/** A shared folder of files that hold one fact each, amid what nobody needs. */
export async function plantFacts(
  context: { after(work: () => Promise<void>): void },
  { files, length }: { files: number; length: number },
): Promise<{ filesDir: string; facts: string[] }> {
  const filesDir = await mkdtemp(join(tmpdir(), 'gatehouse-facts-'));
  context.after(() => rm(filesDir, { recursive: true }));
  await mkdir(join(filesDir, 'notes'));
  const facts: string[] = [];
  for (let number = 1; number <= files; number += 1) {
    const fact = `FACT-${number}=v${(number * 7919).toString(36)}`;
    facts.push(fact);
    const words = Array.from({ length: Math.ceil(length / 12) }, (_, word) => `word${number}x${word}`);
    const middle = Math.floor(words.length / 2);
    const text = [...words.slice(0, middle), fact, ...words.slice(middle)].join(' ');
    await writeFile(join(filesDir, 'notes', `${number}.txt`), text);
  }
  return { filesDir, facts };
}

/** About four characters a token, of all that is sent. */
const tokensOf = (text: string): number => Math.ceil(text.length / 4);

const factsIn = (text: string): string[] => [...new Set(text.match(planted) ?? [])];

/** Whether a model is asked for a summary of a conversation. */
export const isSummary = ({ turns }: Asked): boolean =>
  turns[0]?.text.includes('the older part of the work of an assistant') ?? false;

/**
 * A model that knows nothing but what it is sent: it reads the file after the last one that it sees a fact of, and says at the end
 * which facts it sees. Its summaries are the facts of the text that they are made of.
 */
export function remembering(files: number): Script {
  return (asked: Asked) => {
    const seen = factsIn(asked.turns.map(({ text }) => text).join('\n'));
    const next = Math.max(0, ...seen.map((fact) => Number(/\d+/.exec(fact)?.[0]))) + 1;
    const said: Answer =
      isSummary(asked) || next > files
        ? { text: seen.join('\n') }
        : { calls: [{ name: 'files_read', args: { path: `notes/${next}.txt` } }] };
    return {
      ...said,
      usage: {
        in: tokensOf(JSON.stringify([asked.tools, asked.turns])),
        out: tokensOf(JSON.stringify(said)),
      },
    };
  };
}
