import { ModelFailed } from './failed.ts';
import type { Model } from './file.ts';

/** More than any token holds on average, so that only an answer is cut off that does not keep to what was asked. */
const charactersPerToken = 32;

/** Takes the pieces of one answer. @returns what gives each piece back, and throws ModelFailed once they are too long */
export function bounded({ output }: Pick<Model, 'output'>): (piece: string | null | undefined) => string {
  let left = output * charactersPerToken;
  return (piece) => {
    if (typeof piece !== 'string') return '';
    left -= piece.length;
    if (left < 0) throw new ModelFailed('too_long');
    return piece;
  };
}
