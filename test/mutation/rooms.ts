/** A room whose code is changed on purpose, to see whether its tests notice. */
export interface Room {
  /** Where its code is: paths in the repository, or globs. */
  code: string[];
  /** The tests that have to notice, the quickest first; globs. */
  tests: string[];
}

const policy = (...names: string[]): string[] => names.map((name) => `gateway/policy/${name}.ts`);
const approvals = (...names: string[]): string[] => names.map((name) => `gateway/approvals/${name}.ts`);

/** What money, mail and access hang on. */
export const rooms: Readonly<Record<string, Room>> = {
  provenance: {
    code: ['gateway/policy/provenance/*.ts'],
    tests: [
      'test/unit/policy/provenance/{tokens,own-text,leaves,content,own-words,evidence,words,roles}.test.ts',
    ],
  },
  grants: {
    code: policy('grants', 'question', 'fail-closed', 'binding'),
    tests: ['test/unit/policy/{bindings,question,fail-closed,grants,kill-switch,decide,standing}.test.ts'],
  },
  decisions: {
    code: policy('judge', 'facts', 'settle-facts', 'budgets', 'reservations', 'policy', 'limits', 'money'),
    tests: [
      'test/unit/policy/{money,judge,destinations,limits,budgets,tool-names,facts,reservations,policy,advisory,decide,kill-switch,standing}.test.ts',
    ],
  },
  approvals: {
    code: approvals(
      'vote',
      'voter',
      'eligible',
      'settle',
      'edit',
      'register',
      'tokens',
      'binding',
      'closing',
    ),
    tests: [
      'test/unit/approvals/{eligible,tokens-and-clicks,register,vote,who,edit,questions,strict}.test.ts',
    ],
  },
};

/** Where a room's results are kept from one run to the next. */
export const incrementalFileOf = (name: string): string => `.gatehouse/mutation/${name}.json`;
