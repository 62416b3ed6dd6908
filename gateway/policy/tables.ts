import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { GatehouseError, readYamlFile } from '../config/index.ts';
import { askPolicy } from './fail-closed.ts';
import { policyInput, type Rules } from './judge.ts';
import type { TestResult } from './rule-tests.ts';
import type { Engine, PolicyInput, RunContext, Verdict } from './types.ts';

const Row = z.strictObject({
  says: z.string().min(1).describe('what holds, as a sentence'),
  tool: z.string().min(1),
  args: z.record(z.string(), z.unknown()).default({}),
  typed: z.string().default('').describe('what the person typed after the command: words that are theirs'),
  input: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('facts that differ from a member who writes in a direct message, merged into them'),
  effect: z.enum(['allow', 'confirm', 'approve', 'deny']),
  codes: z.array(z.string().min(1)).min(1).describe('the codes of all reasons, in any order'),
  quorum: z.number().int().min(1).optional(),
});
const Table = z.strictObject({ tests: z.array(Row).min(1) });
type Row = z.output<typeof Row>;

/**
 * Runs the tables of `tests/*.yaml` on the rules as they are built.
 * @throws GatehouseError `GH-POLICY-019` that names file, line and fault of every table that cannot be read
 */
export async function runTables(
  policiesDir: string,
  catalogue: Rules['catalogue'],
  engine: Engine,
): Promise<TestResult[]> {
  const results: TestResult[] = [];
  const faults: string[] = [];
  for (const name of await tablesOf(policiesDir)) {
    const file = await readYamlFile(join(policiesDir, 'tests', name), Table);
    if (file === null) continue;
    if (file.faults) {
      faults.push(...file.faults);
      continue;
    }
    for (const [index, row] of file.value.tests.entries()) {
      const where = `tests/${name}:${file.lineOf(['tests', index])}`;
      results.push({ where, says: row.says, problem: await problemOf(row, catalogue, engine) });
    }
  }
  if (faults.length > 0) {
    throw new GatehouseError(
      'GH-POLICY-019',
      `The tables of tests are not usable:\n  ${faults.join('\n  ')}`,
      {
        status: 500,
        next: 'Correct the lines named above; docs/policy.md shows a table.',
      },
    );
  }
  return results;
}

async function tablesOf(policiesDir: string): Promise<string[]> {
  const names = await readdir(join(policiesDir, 'tests')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => name.endsWith('.yaml')).sort();
}

async function problemOf(row: Row, catalogue: Rules['catalogue'], engine: Engine): Promise<string | null> {
  const tool = catalogue.get(row.tool);
  if (!tool) return `there is no tool ${row.tool}`;
  const wrong = tool.check(row.args);
  if (wrong) return `the argument ${wrong.field} ${wrong.text}`;
  const rules = { catalogue, clock: () => new Date('2026-11-02T10:00:00Z') };
  const input = await policyInput(rules, { run: memberTyping(row.typed), tool, args: row.args });
  const verdict = await askPolicy(engine, merge(input, row.input) as PolicyInput, () => 0);
  const [found, wanted] = [shown(verdict), shown({ ...row, reasons: row.codes.map((code) => ({ code })) })];
  if (found !== wanted) return `it is ${found}, and not ${wanted}`;
  const quorum = verdict.approvers?.quorum;
  return row.quorum === undefined || quorum === row.quorum
    ? null
    : `the quorum is ${quorum}, and not ${row.quorum}`;
}

const shown = ({
  effect,
  reasons,
}: {
  effect: string;
  reasons: readonly Pick<Verdict['reasons'][number], 'code'>[];
}): string =>
  `${effect} (${reasons
    .map(({ code }) => code)
    .sort()
    .join(', ')})`;

/** A member who types a command in the web chat. */
function memberTyping(text: string): RunContext {
  const principal = 'member';
  return {
    runId: '00000000-0000-7000-8000-000000000000',
    messageId: 'test',
    sessionKey: 'test',
    principal,
    actor: { principal, display: 'Member', roles: ['member'], groups: [], standing: 'member' },
    channel: { kind: 'web', visibility: 'dm' },
    command: { name: 'test', words: text.split(/\s+/).filter(Boolean) },
    text,
    ingress: 'session',
    callsLeft: 1,
  };
}

/** Objects are merged key by key; anything else replaces what was there. */
function merge(base: unknown, change: unknown): unknown {
  if (!isRecord(base) || !isRecord(change)) return change;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change))
    merged[key] = key in merged ? merge(merged[key], value) : value;
  return merged;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
