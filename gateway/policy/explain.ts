import { atPointer } from '../catalogue/index.ts';
import { GatehouseError } from '../config/index.ts';
import type { Queryable } from '../db/index.ts';
import { digestOfText } from '../envelope/index.ts';
import type { Answering } from './candidate.ts';
import { effectWords } from './effects.ts';
import { flipsOf } from './flips.ts';
import type { Approvers, Effect, PolicyInput, Reason, Verdict } from './types.ts';

/** Who may read it is for the caller to say: `principal` is whose request it was. */
export interface Explanation {
  id: string;
  tool: string;
  principal: string | null;
  sessionKey: string;
  decidedAt: string;
  policy: string;
  effect: string;
  reasons: Reason[];
  /** What the rules saw; content as its length and hash. Empty where it is not recorded, or not any more. */
  input: { fact: string; value: string }[];
  /** What the rules in force say of the same input; null without one. */
  now: Answer | null;
  /** How many single facts were tried. */
  tried: number;
  /** Those that change what the rules in force say. */
  flips: (Answer & { fact: string; from: string; to: string })[];
}

interface Answer {
  effect: string;
  reasons: string[];
}

interface Row {
  tool: string;
  principal: string | null;
  session_key: string;
  created_at: Date;
  policy_version: string;
  effect: Effect;
  approvers: Approvers | null;
  reasons: Reason[];
  input: PolicyInput | null;
}

/**
 * Says why a decision came out as it did, and which single fact would have changed it.
 * @param rules those in force, which are asked again with each flip
 * @throws GatehouseError 404 `GH-POLICY-043`
 */
export async function explainDecision(db: Queryable, rules: Answering, id: string): Promise<Explanation> {
  const { rows } = await db.query<Row>(
    `select tool, principal, session_key, created_at, policy_version, effect, approvers, reasons, input
     from decisions where id = $1`,
    [id],
  );
  const [row] = rows;
  if (!row) {
    throw new GatehouseError('GH-POLICY-043', 'There is no such decision.', {
      status: 404,
      next: 'Receipts and approvals name decisions by their id, which begins with dec_.',
    });
  }
  const { input } = row;
  const base = {
    id,
    tool: row.tool,
    principal: row.principal,
    sessionKey: row.session_key,
    decidedAt: row.created_at.toISOString(),
    policy: row.policy_version,
    effect: effectWords(row),
    reasons: row.reasons,
  };
  if (!input) return { ...base, input: [], now: null, tried: 0, flips: [] };
  const now = answer(await rules.decide(input));
  const tries = flipsOf(input, rules.approvalClass(input.tool.risk));
  const flips: Explanation['flips'] = [];
  for (const { fact, from, to, input: changed } of tries) {
    const then = answer(await rules.decide(changed));
    if (JSON.stringify(then) !== JSON.stringify(now)) flips.push({ fact, from, to, ...then });
  }
  return { ...base, input: shown(input), now, tried: tries.length, flips };
}

const answer = (verdict: Verdict): Answer => ({
  effect: effectWords(verdict),
  reasons: verdict.reasons.map((reason) => reason.code).sort(),
});

/**
 * The input as rows. What decides where a call goes, which record and how much is shown with where it came from; what it
 * says is not.
 */
function shown({ args, tool, leaves, ...facts }: PolicyInput): Explanation['input'] {
  const traced = leaves.map(({ at, kind, origin, source }) => {
    const value = atPointer(args, at);
    const from = source ? `${origin} ${source.tool}` : origin;
    return {
      fact: `args${at} (${kind}, ${from})`,
      value: kind === 'content' ? redacted(value) : text(value),
    };
  });
  return [...flat('tool.', tool), ...traced, ...flat('', facts)];
}

function flat(prefix: string, value: object): Explanation['input'] {
  return Object.entries(value).flatMap(([key, part]: [string, unknown]) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? flat(`${prefix}${key}.`, part)
      : [{ fact: prefix + key, value: text(part) }],
  );
}

function redacted(value: unknown): string {
  const whole = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return `${[...whole].length} characters, ${digestOfText(whole).slice(0, 'sha256:'.length + 12)}…`;
}

function text(value: unknown): string {
  if (value === null || value === undefined) return 'none';
  if (Array.isArray(value) && value.every((part) => typeof part === 'string'))
    return value.join(', ') || 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
