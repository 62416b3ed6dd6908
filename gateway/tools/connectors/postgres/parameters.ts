import type { Caller } from '../../types.ts';

/** What a statement's parameters are taken from. */
export interface Given {
  args: Record<string, unknown>;
  caller: Pick<Caller, 'principal'>;
  /** Stands for the attempt; a dry run has an id of its own. */
  attempt: string;
}

/** The values of a statement's parameters, in their order; null for an argument that the call does not give. */
export const valuesOf = (names: readonly string[], given: Given): unknown[] =>
  names.map((name) => {
    if (name === 'attempt') return given.attempt;
    if (name === 'principal') return given.caller.principal;
    const key = name.slice('args.'.length);
    return Object.hasOwn(given.args, key) ? given.args[key] : null;
  });
