import type { z } from 'zod';
import { digestOfText } from '../envelope/index.ts';
import type { Inbound, Route } from './adapter.ts';
import { printable, type JsonFlaw } from './json.ts';

type Unusable = Extract<Inbound, { kind: 'unusable' }>;

/** An authenticated delivery that cannot become a message. @param about what could still be read of it */
export function unusable(
  flaw: JsonFlaw,
  raw: string,
  about: { nativeId?: string; sender?: string; route?: Route | null } = {},
): Unusable {
  return {
    kind: 'unusable',
    reason: flaw.reason,
    field: printable(flaw.field).slice(0, 200),
    nativeId: about.nativeId ?? digestOfText(raw),
    sender: about.sender ?? null,
    route: about.route ?? null,
    raw: printable(raw),
  };
}

/** The first complaint of a schema, without the value that caused it. @param prefix where the checked value stands */
export function flawOf(error: z.ZodError, prefix = ''): JsonFlaw {
  const issue = error.issues[0];
  const path = [prefix, ...(issue?.path ?? []).map(String)].filter((part) => part !== '').join('.');
  const reasons: Record<string, string> = {
    too_big: 'It is longer than a message may be.',
    invalid_type: 'It is missing or of another type than documented.',
  };
  return {
    reason: reasons[issue?.code ?? ''] ?? 'It does not have the documented form.',
    field: path || 'body',
  };
}
