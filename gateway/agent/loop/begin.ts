import { digest } from '../../envelope/index.ts';
import type { WantedCall } from '../models/index.ts';
import type { Offer } from '../offered.ts';
import { storable } from '../text.ts';
import type { NewStep } from '../types.ts';

/** The id of a call: of the question that its answer answers, and its place in it; the same at each replay. */
export const callId = (prompt: number, index: number): string => `c${prompt}_${index}`;

/** The steps that say that calls begin: from then on they are carried out, whatever happens to this process. */
export const beginning = (offer: Offer, calls: readonly WantedCall[]): NewStep[] =>
  calls.map(({ id, name, args }) => {
    const same = digest([name, argsOf(args) ?? args]);
    const tool = offer.toolOf(name)?.name ?? null;
    return { kind: 'call', digest: same, content: { name, args }, facts: { call: id, tool, digest: same } };
  });

/** Neither Postgres nor a digest takes NUL or half of a character, which JSON can spell. */
function wholeText(key: string, value: unknown): unknown {
  for (const text of [key, value])
    if (typeof text === 'string' && text !== storable(text)) throw new SyntaxError('not a whole text');
  return value;
}

/** The arguments of a call as a model wrote them; null where they are no JSON object of whole texts. */
export function argsOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text, wholeText);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
