import { ModelFailed } from './failed.ts';

/** Characters of one answer: more than the longest that any model here may give, so that an endless one ends. */
const mostCharacters = 1_000_000;

/** Takes the pieces of one answer. @returns what gives each piece back, and throws ModelFailed once they are too many */
export function bounded(): (piece: string | null | undefined) => string {
  let length = 0;
  return (piece) => {
    if (typeof piece !== 'string') return '';
    length += piece.length;
    if (length > mostCharacters) throw new ModelFailed('too_long');
    return piece;
  };
}
