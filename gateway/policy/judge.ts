import { randomUUID } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Catalogue, Tool } from '../catalogue/index.ts';
import { GatehouseError } from '../config/index.ts';
import { digestOfText } from '../envelope/index.ts';
import type { Engine } from './engine.ts';
import { askPolicy } from './fail-closed.ts';
import { toCents } from './money.ts';
import { provenanceOf } from './provenance.ts';
import type { Call, Origin, PolicyInput, RunContext, Verdict } from './types.ts';

/** A call that was canonicalised and evaluated, with the ids it gets once it is stored. */
export interface Judgement {
  run: RunContext;
  call: Call;
  id: string;
  digest: string;
  verdict: Verdict;
  provenance: Record<string, Origin>;
  /** Canonical arguments; null for a denied call, whose arguments nobody needs again. */
  args: string | null;
  grant: string | null;
}

/** What evaluation needs besides the call. */
export interface Rules {
  engine: Engine | null;
  catalogue: Catalogue;
  clock: () => Date;
}

// Printable, bounded: a step is a node id, a run index and an item index.
const stepPattern = /^[\x21-\x7e][\x20-\x7e]{0,299}$/;
const monotonic = (): number => performance.now();
const newDecisionId = (): string => `dec_${randomUUID()}`;
const escapedNul = /(?<!\\)(?:\\\\)*\\u0000/;

/**
 * Decides in process: no I/O, nothing stored.
 * @throws GatehouseError `GH-POLICY-020` (arguments that are not JSON, or a NUL in them or in the name), `GH-POLICY-021` (step)
 */
export function judge(rules: Rules, run: RunContext, call: Call): Judgement {
  checkStep(call.step);
  const tool = rules.catalogue.get(call.tool);
  const problem = tool?.check(call.args) ?? null;
  const { digest, args } = callDigest(call.tool, call.args);
  if (!tool)
    return denied(
      run,
      call,
      digest,
      'tool_unknown',
      'There is no tool of this name. /help lists what there is.',
    );
  if (problem) {
    const example = tool.usage === undefined ? '' : ` (for example: ${tool.usage})`;
    const text = `The argument ${problem.field} ${problem.text}${example}.`;
    return denied(run, call, digest, 'args_invalid', text);
  }
  const input = policyInput(run, tool, call.args as Record<string, unknown>, rules.clock());
  const verdict = askPolicy(rules.engine, input, monotonic);
  const id = newDecisionId();
  return {
    run,
    call,
    id,
    digest,
    verdict,
    provenance: input.provenance,
    args: verdict.effect === 'deny' ? null : args,
    grant: verdict.effect === 'allow' ? newGrant(id) : null,
  };
}

/** @throws GatehouseError `GH-POLICY-021` for a step that is not 1 to 300 printable characters */
export function checkStep(step: string): void {
  if (!stepPattern.test(step)) {
    throw new GatehouseError('GH-POLICY-021', 'The step of a call is 1 to 300 printable characters.', {
      field: 'step',
    });
  }
}

/**
 * The digest that a decision, its approval and its grant are bound to: tool and arguments in canonical form.
 * @throws GatehouseError `GH-POLICY-020`
 */
export function callDigest(tool: string, args: unknown): { digest: string; args: string } {
  let canonical: string | undefined;
  try {
    canonical = canonicalize(args);
  } catch {
    // Too deep, a lone surrogate, or a number that JSON does not have: refused below.
  }
  if (tool.includes('\0') || !tool.isWellFormed()) {
    throw new GatehouseError('GH-POLICY-020', 'The name of the tool cannot be stored.', { field: 'tool' });
  }
  if (canonical === undefined || escapedNul.test(canonical)) {
    throw new GatehouseError('GH-POLICY-020', 'The arguments are not JSON that can be stored and compared.', {
      field: 'args',
      next: 'Send plain JSON without NUL characters and lone surrogates.',
    });
  }
  return { digest: digestOfText(`{"args":${canonical},"tool":${JSON.stringify(tool)}}`), args: canonical };
}

/** What the rules see of a call. */
export function policyInput(
  run: RunContext,
  tool: Tool,
  args: Record<string, unknown>,
  now: Date,
): PolicyInput {
  const cents = tool.money ? toCents(args[tool.money.amount]) : null;
  const currency = tool.money ? args[tool.money.currency] : null;
  return {
    tool: { name: tool.name, risk: tool.risk, kinds: tool.kinds },
    args,
    money: cents === null || typeof currency !== 'string' ? null : { cents, currency },
    provenance: provenanceOf(run, tool, args, cents),
    actor: run.actor,
    channel: run.channel,
    ingress: run.ingress,
    now: toTheSecond(now),
  };
}

let second = { number: NaN, text: '' };

/** RFC 3339. Writing it out costs a tenth of a decision, so that the calls of one second share it. */
function toTheSecond(time: Date): string {
  const number = Math.floor(time.getTime() / 1000);
  if (number !== second.number)
    second = { number, text: new Date(number * 1000).toISOString().replace('.000Z', 'Z') };
  return second.text;
}

/** A decision's grant: names its decision, and cannot be guessed (122 random bits). */
export function newGrant(decisionId: string): string {
  return `grant_${decisionId.slice('dec_'.length)}_${randomUUID()}`;
}

/** The decision that a grant names; null for what is not a grant of ours. */
export function decisionOf(grant: string): string | null {
  const uuid = /^grant_([0-9a-f-]{36})_[0-9a-f-]{36}$/.exec(grant)?.[1];
  return uuid === undefined ? null : `dec_${uuid}`;
}

function denied(run: RunContext, call: Call, digest: string, code: string, text: string): Judgement {
  const verdict: Verdict = { effect: 'deny', reasons: [{ code, text }], approvers: null };
  return { run, call, id: newDecisionId(), digest, verdict, provenance: {}, args: null, grant: null };
}
