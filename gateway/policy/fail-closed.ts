import type { Engine } from './engine.ts';
import type { Approvers, Effect, PolicyInput, Reason, Verdict } from './types.ts';

/** An evaluation of small, bounded input takes well under a millisecond; one that took longer is not believed. */
export const evaluationLimitMs = 250;

const effects: readonly Effect[] = ['allow', 'confirm', 'approve', 'deny'];

/**
 * Asks the rules and believes only a complete, timely, well-formed answer. Everything else is a denial with its own
 * code; nothing is thrown. This is the one place where "no answer" is turned into "no".
 * @param engine null when none could be loaded
 * @param now monotonic milliseconds
 */
export async function askPolicy(
  engine: Engine | null,
  input: PolicyInput,
  now: () => number,
): Promise<Verdict> {
  if (!engine) return deny('policy_missing', 'No rules are loaded, so nothing is allowed.');
  const started = now();
  let answer: unknown;
  try {
    answer = await engine.evaluate(input);
  } catch (error) {
    return String(error).includes('is not valid in this instance')
      ? deny('policy_no_entrypoint', 'The loaded rules do not answer this question, so nothing is allowed.')
      : deny('policy_exception', 'The rules failed while they were evaluated, so nothing is allowed.');
  }
  if (now() - started > evaluationLimitMs) {
    return deny('policy_timeout', 'The rules took too long to answer, so nothing is allowed.');
  }
  if (Array.isArray(answer) && answer.length === 0) {
    return deny('policy_undefined', 'The rules gave no answer, so nothing is allowed.');
  }
  return (
    asVerdict(answer) ??
    deny('policy_bad_shape', 'The rules gave an answer of an unknown shape, so nothing is allowed.')
  );
}

function deny(code: string, text: string): Verdict {
  return { effect: 'deny', reasons: [{ code, text }], approvers: null };
}

function asVerdict(answer: unknown): Verdict | null {
  if (!Array.isArray(answer) || answer.length !== 1) return null;
  const result = keys(keys(answer[0], ['result'])?.result, ['effect', 'reasons', 'approvers']);
  if (!result) return null;
  const { effect, reasons, approvers } = result;
  if (!effects.includes(effect as Effect) || !isReasons(reasons)) return null;
  // Who approves is part of an approval and of nothing else.
  if (effect === 'approve' ? !isApprovers(approvers) : approvers !== null) return null;
  return {
    effect: effect as Effect,
    // Rego orders keys by itself; an answer looks the same now and when it is read back.
    reasons: reasons.map(({ code, text }) => ({ code, text })),
    approvers: isApprovers(approvers)
      ? { groups: approvers.groups, quorum: approvers.quorum, excludeRequester: true }
      : null,
  };
}

/** The value as a record, if it has exactly these keys. */
function keys(value: unknown, names: readonly string[]): Record<string, unknown> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const own = Object.keys(value);
  if (own.length !== names.length) return null;
  for (const name of own) if (!names.includes(name)) return null;
  return value as Record<string, unknown>;
}

function isReasons(value: unknown): value is Reason[] {
  return Array.isArray(value) && value.length > 0 && value.every(isReason);
}

function isReason(value: unknown): value is Reason {
  const reason = keys(value, ['code', 'text']);
  return reason !== null && isText(reason.code) && isText(reason.text);
}

function isApprovers(value: unknown): value is Approvers {
  const found = keys(value, ['groups', 'quorum', 'excludeRequester']);
  return (
    found !== null &&
    Array.isArray(found.groups) &&
    found.groups.length > 0 &&
    found.groups.every(isText) &&
    Number.isSafeInteger(found.quorum) &&
    (found.quorum as number) >= 1 &&
    found.excludeRequester === true
  );
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
