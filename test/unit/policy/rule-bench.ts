import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { loadCatalogue, type Catalogue } from '../../../gateway/catalogue/index.ts';
import { readApprovalClasses } from '../../../gateway/policy/approval-classes.ts';
import { loadEngine, type Engine } from '../../../gateway/policy/engine.ts';
import { noFacts, type Facts } from '../../../gateway/policy/facts.ts';
import { judge, type Judgement, type Surroundings } from '../../../gateway/policy/judge.ts';
import { readLimits } from '../../../gateway/policy/limits.ts';
import { questionOf } from '../../../gateway/policy/question.ts';
import { policiesWith, runOf } from './support.ts';

/** One question and its answer, as a table of rules tells it. */
export interface Case {
  says: string;
  run?: Parameters<typeof runOf>[0];
  call: [tool: string, args: unknown];
  /** What Postgres knows. */
  facts?: Partial<Omit<Facts, 'session'>> & { session?: Partial<Facts['session']> };
  environment?: Surroundings['environment'];
  now?: string;
  effect: string;
  codes: string[];
  quorum?: number;
}

interface Loaded {
  engine: Engine;
  catalogue: Catalogue;
  zoneOf: Surroundings['zoneOf'];
}

/** Loads the shipped rules over changed policy files. */
export async function rulesOver(
  files: Record<string, string>,
  context: Parameters<typeof policiesWith>[1],
): Promise<Loaded> {
  const folder = await policiesWith(files, context);
  const classes = await readApprovalClasses(folder);
  const limits = await readLimits(folder);
  const { engine } = await loadEngine(folder, { approvals: classes.data, ...limits.data });
  return {
    engine,
    catalogue: loadCatalogue(folder),
    zoneOf: (risk) => classes.get(risk)?.hours?.zone,
  };
}

/** Asks the rules of one case. */
export async function answer(
  { engine, catalogue, zoneOf }: Loaded,
  row: Omit<Case, 'says' | 'effect' | 'codes'>,
): Promise<Judgement> {
  const [tool, args] = row.call;
  const { environment = 'production', now = '2026-03-04T10:00:00Z' } = row;
  const facts = { ...noFacts, ...row.facts, session: { ...noFacts.session, ...row.facts?.session } };
  return judge(
    { engine, catalogue, clock: () => new Date(now), surroundings: { environment, zoneOf } },
    questionOf(catalogue, runOf(row.run), { tool, args, step: 's' }),
    facts,
  );
}

/** Holds the rules to a case: the effect, all reasons, and who is asked. */
export async function holds(context: TestContext, files: Record<string, string>, row: Case): Promise<void> {
  const { verdict } = await answer(await rulesOver(files, context), row);
  const codes = verdict.reasons.map((reason) => reason.code).sort();
  assert.deepEqual([verdict.effect, codes], [row.effect, [...row.codes].sort()]);
  for (const { text } of verdict.reasons) assert.match(text, /^[A-Z].*\.$/);
  if (row.quorum !== undefined) assert.equal(verdict.approvers?.quorum, row.quorum);
}
