import { withOwn } from './own-rules.ts';
import type { Approvers, Effect, Engine, PolicyInput, Reason, Verdict } from './types.ts';

/** An evaluation of small, bounded input takes well under a millisecond; one that took longer is not believed. */
export const evaluationLimitMs = 250;

const effects: readonly Effect[] = ['allow', 'confirm', 'approve', 'deny'];

/** Why there is no answer to believe, each with what people read. */
const refusals = {
  policy_missing: 'No rules are loaded, so nothing is allowed.',
  policy_no_entrypoint: 'The loaded rules do not answer this question, so nothing is allowed.',
  policy_exception: 'The rules failed while they were evaluated, so nothing is allowed.',
  policy_timeout: 'The rules took too long to answer, so nothing is allowed.',
  policy_undefined: 'The rules gave no answer, so nothing is allowed.',
  policy_bad_shape: 'The rules gave an answer of an unknown shape, so nothing is allowed.',
  policy_unreachable: 'OPA cannot be reached, so nothing is allowed.',
  policy_status: 'OPA answered with an error, so nothing is allowed.',
  policy_redirect: 'OPA answered with a redirect, which is not followed, so nothing is allowed.',
  policy_too_large: 'OPA gave an answer that is too large, so nothing is allowed.',
  policy_garbage: 'OPA gave an answer that cannot be read, so nothing is allowed.',
  policy_wrong_revision: 'OPA serves other rules than the gateway has, so nothing is allowed.',
  own_rules_failed: 'The rules of this installation failed while they were evaluated, so nothing is allowed.',
  own_rules_bad_shape:
    'The rules of this installation gave reasons of an unknown shape, so nothing is allowed.',
} as const;

/** What an engine throws where it knows why it has no answer. */
export class EngineFault extends Error {
  readonly code: keyof typeof refusals;

  constructor(code: keyof typeof refusals, options?: ErrorOptions) {
    super(refusals[code], options);
    this.code = code;
  }
}

/**
 * Asks the rules and believes only a complete, timely, well-formed answer. Everything else is a denial with its own
 * code; nothing is thrown. This is the one place where "no answer" is turned into "no".
 * @param engine null when none could be loaded
 * @param now monotonic milliseconds
 */
export async function askPolicy(
  engine: Engine | null,
  input: PolicyInput,
  now: () => number = () => performance.now(),
): Promise<Verdict> {
  if (!engine) return deny('policy_missing');
  const started = now();
  let answer: unknown;
  try {
    answer = await engine.evaluate(input);
  } catch (error) {
    if (error instanceof EngineFault) return deny(error.code);
    return deny(
      String(error).includes('is not valid in this instance') ? 'policy_no_entrypoint' : 'policy_exception',
    );
  }
  if (now() - started > evaluationLimitMs) return deny('policy_timeout');
  if (Array.isArray(answer) && answer.length === 0) return deny('policy_undefined');
  return engine.own === true ? asUnited(answer) : (asVerdict(answer) ?? deny('policy_bad_shape'));
}

function deny(code: keyof typeof refusals): Verdict {
  return { effect: 'deny', reasons: [{ code, text: refusals[code] }], approvers: null };
}

/** An answer that holds what own rules add: without that part it is not complete. */
function asUnited(answer: unknown): Verdict {
  if (!Array.isArray(answer) || answer.length !== 1) return deny('policy_bad_shape');
  const parts = keys(answer[0], ['result', 'own', 'approvers']);
  const shipped = parts && asVerdict([{ result: parts.result }]);
  if (!shipped) return deny('policy_bad_shape');
  const own = keys(parts.own, ['denials', 'approvals', 'confirmations']);
  if (!own) return deny('own_rules_bad_shape');
  const { denials, approvals, confirmations } = own;
  if (!isReasonList(denials) || !isReasonList(approvals) || !isReasonList(confirmations))
    return deny('own_rules_bad_shape');
  const approvers = isApprovers(parts.approvers) ? parts.approvers : null;
  return withOwn(shipped, { denials, approvals, confirmations }, approvers);
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
  return isReasonList(value) && value.length > 0;
}

function isReasonList(value: unknown): value is Reason[] {
  return Array.isArray(value) && value.every(isReason);
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
