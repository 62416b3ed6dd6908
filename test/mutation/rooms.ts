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
      'test/unit/policy/provenance/{tokens,own-text,leaves,content,own-words,own-order,composed,evidence,words,roles,results,dates,counts,talked-about}.test.ts',
    ],
  },
  grants: {
    code: policy('grants', 'question', 'fail-closed', 'binding'),
    tests: ['test/unit/policy/{bindings,question,fail-closed,grants,kill-switch,decide,standing}.test.ts'],
  },
  decisions: {
    code: policy('judge', 'limits', 'budgets', 'money'),
    tests: ['test/unit/policy/{money,judge,budgets,limits}.test.ts'],
  },
  facts: {
    code: policy('facts', 'settle-facts', 'reservations'),
    tests: ['test/unit/policy/{facts,reservations}.test.ts'],
  },
  policy: {
    code: policy('policy'),
    tests: ['test/unit/policy/{policy,decide,standing,kill-switch}.test.ts'],
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
      'old-rules',
    ),
    tests: [
      'test/unit/approvals/{eligible,voter,settle,wait,ballot,edition,closing,tokens-and-clicks,register,vote,edit,edit-votes,together,old-rules,lost-factor,owner-confirms}.test.ts',
    ],
  },
  cards: {
    code: approvals('together', 'personal', 'questions', 'escalation', 'standing'),
    tests: ['test/unit/approvals/{personal,steps,questions,calls,standing,together,escalation}.test.ts'],
  },
};

/** Where a room's results are kept from one run to the next. */
export const incrementalFileOf = (name: string): string => `.gatehouse/mutation/${name}.json`;
