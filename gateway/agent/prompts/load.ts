import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { GatehouseError } from '../../config/index.ts';
import { digestOfText } from '../../envelope/index.ts';
import { promptInputs, renderPrompt, sampleInputs } from './render.ts';

const FrontMatter = z.strictObject({
  purpose: z.string().min(1).max(200),
  inputs: z.array(z.enum(promptInputs)).default([]).describe('what its body may name'),
  modelClass: z.string().min(1).max(32).optional().describe('which class of model it is written for'),
  version: z.number().int().min(1),
});

/** One file of `policies/prompts/`. */
export interface Prompt extends z.output<typeof FrontMatter> {
  /** Its file, without the ending. */
  name: string;
  body: string;
  /** Of the whole file. */
  digest: string;
}

/** The prompts in use. */
export interface Prompts {
  get(name: string): Prompt | undefined;
  names(): string[];
  reload(): Promise<void>;
}

/**
 * Reads every prompt and renders it once, so that one which names what it does not declare is found before it is used.
 * @throws GatehouseError `GH-AGENT-002` that lists every fault with its file and line
 */
export async function createPrompts({ policiesDir }: { policiesDir: string }): Promise<Prompts> {
  const folder = join(policiesDir, 'prompts');
  const load = async (): Promise<Map<string, Prompt>> => {
    const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const faults: string[] = [];
    const prompts = new Map<string, Prompt>();
    for (const file of files.filter((one) => one.endsWith('.md')).sort()) {
      const path = join(folder, file);
      const read = readPrompt(path, await readFile(path, 'utf8'));
      if (typeof read === 'string') faults.push(read);
      else prompts.set(read.name, read);
    }
    if (faults.length === 0) return prompts;
    throw new GatehouseError('GH-AGENT-002', `The prompts are not usable:\n  ${faults.join('\n  ')}`, {
      status: 500,
      next: 'Correct the lines named above.',
    });
  };
  let current = await load();
  return {
    get: (name) => current.get(name),
    names: () => [...current.keys()],
    async reload() {
      current = await load();
    },
  };
}

/** @returns the prompt, or what is wrong with it as `file:line: what` */
function readPrompt(path: string, text: string): Prompt | string {
  const [, front, body] = /^---\n([\s\S]*?\n)---\n([\s\S]*)$/.exec(text) ?? [];
  if (front === undefined || body === undefined)
    return `${path}:1: it has to begin with front matter between --- lines`;
  try {
    const parsed = FrontMatter.safeParse(parse(front, { maxAliasCount: 0 }));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return `${path}:2: ${issue?.path.join('.') || 'front matter'}: ${issue?.message ?? 'wrong shape'}`;
    }
    const prompt = {
      ...parsed.data,
      name: basename(path, '.md'),
      body: body.trim(),
      digest: digestOfText(text),
    };
    renderPrompt(prompt, sampleInputs);
    return prompt;
  } catch (error) {
    const line =
      error instanceof YAMLParseError ? (error.linePos?.[0].line ?? 1) + 1 : front.split('\n').length + 2;
    return `${path}:${line}: ${(error as Error).message.split('\n')[0] ?? 'it cannot be rendered'}`;
  }
}
