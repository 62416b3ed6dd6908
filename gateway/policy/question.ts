import canonicalize from 'canonicalize';
import type { Catalogue, Tool } from '../catalogue/index.ts';
import { GatehouseError } from '../config/index.ts';
import { digestOfText } from '../envelope/index.ts';
import type { Call, Reason, RunContext } from './types.ts';

/** A call in canonical form, with its tool or with what is wrong with it; nothing was asked about it yet. */
export interface Question {
  run: RunContext;
  call: Call;
  digest: string;
  /** Canonical arguments. */
  canonical: string;
  /** Null where there is no such tool, or the arguments are not its own: `refusal` says which. */
  tool: Tool | null;
  refusal: Reason | null;
}

// Printable, bounded: a step is a node id, a run index and an item index.
const stepPattern = /^[\x21-\x7e][\x20-\x7e]{0,299}$/;
const nul = '\\u0000';
const escapedNul = /(?<!\\)(?:\\\\)*\\u0000/;

/**
 * Brings a call into the form that is decided.
 * @throws GatehouseError `GH-POLICY-020` (arguments that are not JSON, or a NUL in them or in the name), `GH-POLICY-021` (step)
 */
export function questionOf(catalogue: Catalogue, run: RunContext, call: Call): Question {
  checkStep(call.step);
  const found = catalogue.get(call.tool);
  const refusal = found ? refusalOf(found, call.args) : noSuchTool;
  const { digest, args } = callDigest(call.tool, call.args);
  return { run, call, digest, canonical: args, tool: refusal ? null : (found ?? null), refusal };
}

/** Why a call of a tool that does not exist is denied. */
export const noSuchTool: Reason = {
  code: 'tool_unknown',
  text: 'There is no tool of this name. /help lists what there is.',
};

/** Why a call with these arguments is denied before any rule is asked; null where it is not. */
export function refusalOf(tool: Tool, args: unknown): Reason | null {
  const problem = tool.check(args);
  return problem ? badArguments(tool, problem) : unpinned(tool, args);
}

function badArguments(tool: Tool, problem: { field: string; text: string }): Reason {
  const example = tool.usage === undefined ? '' : ` (for example: ${tool.usage})`;
  return { code: 'args_invalid', text: `The argument ${problem.field} ${problem.text}${example}.` };
}

/** A reference to content that could change between its approval and the call. @param args kept the tool's schema */
function unpinned(tool: Tool, args: unknown): Reason | null {
  const text = tool.pinned(args as Record<string, unknown>);
  return text === null ? null : { code: 'reference_not_pinned', text };
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
  if (canonical === undefined || (canonical.includes(nul) && escapedNul.test(canonical))) {
    throw new GatehouseError('GH-POLICY-020', 'The arguments are not JSON that can be stored and compared.', {
      field: 'args',
      next: 'Send plain JSON without NUL characters and lone surrogates.',
    });
  }
  return { digest: digestOfText(`{"args":${canonical},"tool":${JSON.stringify(tool)}}`), args: canonical };
}
