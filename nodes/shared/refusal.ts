import type { IDataObject } from 'n8n-workflow';
import type { Reason } from './contract';

/** Why something was not done: a stable code, one sentence, and what can be done instead. */
export interface Refusal {
  code: string;
  text: string;
  next?: string;
  reasons?: Reason[];
}

/** The part of an item that says it was stopped. `text` is ready to be shown to a person. */
export function blockedJson(refusal: Refusal): IDataObject {
  const reasons = refusal.reasons?.length ? refusal.reasons : [{ code: refusal.code, text: refusal.text }];
  return {
    text: readable(refusal),
    grant: null,
    blocked: {
      code: refusal.code,
      text: refusal.text,
      reasons,
      ...(refusal.next ? { next: refusal.next } : {}),
    },
  };
}

/** A refusal as one line for a person: the sentence, what to do next, the code. */
export function readable(refusal: Refusal): string {
  return [refusal.text, refusal.next, `(${refusal.code})`].filter(Boolean).join(' ');
}

/** The field for the tool is empty, or its expression found nothing in the item. */
export const noTool: Refusal = {
  code: 'tool_missing',
  text: 'No tool is chosen, so nothing was asked or done.',
  next: 'Choose one in the node, or an expression that finds one in the item.',
};

/** A refusal made of the reasons of a decision or execution. */
export function refusalOf(reasons: Reason[] | undefined, fallback: Refusal): Refusal {
  const [first] = reasons ?? [];
  if (!first) return fallback;
  return { code: first.code, text: reasons?.map((reason) => reason.text).join(' ') ?? first.text, reasons };
}

/**
 * A refusal for what went wrong inside a node, most often an expression that cannot be read. Nodes answer it on their
 * blocked output instead of throwing, so that a gate can never be passed by a mistake.
 */
export function refusalOfError(error: unknown): Refusal {
  const text = error instanceof Error ? error.message : 'The node failed.';
  return { code: 'node_error', text, next: 'Check the parameters of this node.' };
}
