import type { Tool } from '../../../gateway/catalogue/index.ts';
import { toolFacts } from '../../../gateway/policy/judge.ts';
import type { PolicyInput } from '../../../gateway/policy/index.ts';

/** One number after the other from a seed (mulberry32), so that everybody has the same corpus. */
export type Chance = <T>(choices: readonly T[]) => T;

function chanceOf(seed: number): Chance {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return <T>(choices: readonly T[]) => choices[Math.floor(next() * choices.length)] as T;
}

const values: readonly unknown[] = [
  'ACME',
  '120',
  '7',
  'https://a.example/',
  '',
  'é',
  '10.0.0.1',
  '10.1.2.3',
  '10.0.0.0',
  '10.255.255.255',
  'a'.repeat(200),
  null,
  3,
  true,
];

const origins = [
  'user',
  'mentioned',
  'constant',
  'resolved',
  'found',
  'composed',
  'tool',
  'unknown',
] as const;

/**
 * How each fact of an input is made up. The type asks for an entry for each: a new fact is part of the corpus from its first day.
 * Half of what is chosen is what a good call has, so that the rules behind the first refusal are met, too.
 */
const facts: { [Fact in keyof PolicyInput]-?: (chance: Chance, tool: Tool) => PolicyInput[Fact] } = {
  tool: (chance, tool) => ({
    ...toolFacts(tool),
    dataClass: chance(['public', 'internal', 'confidential', 'personal'] as const),
  }),
  args: (chance, { kinds }) =>
    Object.fromEntries(
      Object.keys(kinds).flatMap((name) => (chance([1, 1, 1, 0]) ? [[name, chance(values)]] : [])),
    ),
  money: (chance, { money }) =>
    money === undefined || chance([0, 0, 0, 1])
      ? null
      : {
          cents: chance([-1, 0, 1, 12_000, 99_999, 100_000, 99_999_999_999_999]),
          currency: chance(['EUR', 'USD', 'XXX']),
        },
  leaves: (chance, { kinds }) => {
    const honest = chance([true, false]);
    return Object.entries(kinds).flatMap(([arg, kind]) =>
      chance([1, 1, 1, 1, 0])
        ? [{ at: `/${arg}`, arg, kind, origin: honest ? ('user' as const) : chance(origins) }]
        : [],
    );
  },
  advisory: (chance) => chance([false, false, false, true]),
  standing: (chance) => chance([false, false, true]),
  anchored: (chance) => chance([true, true, false]),
  ordered: (chance) => chance([true, true, false]),
  undoable: (chance) => chance([true, true, false]),
  carried: (chance) => ({
    hosts: chance([[], [], [], ['evil.example'], ['a.example', 'b.example']]),
    secret: chance([false, false, false, true]),
    added: chance([false, false, false, true]),
  }),
  actor: (chance) => {
    const principal = chance(['requester', 'requester', 'requester', 'automation:a', null]);
    return {
      principal,
      display: 'Robin',
      roles: chance([
        ['member'],
        ['member'],
        ['member'],
        ['viewer'],
        ['automation'],
        ['admin', 'member'],
        [],
      ]),
      groups: chance([[], ['approvers'], ['finance', 'approvers']]),
      standing: chance(['owner', 'member', 'member', 'member', 'paired', 'guest', 'unknown'] as const),
    };
  },
  channel: (chance) => ({
    kind: chance(['web', 'slack', 'telegram', 'email']),
    visibility: chance(['dm', 'private', 'public', 'external']),
  }),
  ingress: (chance) => chance(['session', 'signature', 'dkim', 'none']),
  session: (chance) => ({
    tainted: chance([false, false, true]),
    outside: chance([false, false, true]),
    pendingAsks: chance([0, 0, 0, 0, 0, 0, 0, 0, 1, 3]),
    cardOpen: chance([false, false, false, true]),
    classesRead: chance([[], [], [], [], [], ['internal'], ['confidential', 'personal']] as const).slice(),
  }),
  recipients: (chance) => ({
    count: chance([0, 1, 1, 1, 9, 10, 500]),
    firstTime: chance([[], [], ['payee']]),
    nobody: chance([false, false, true]),
  }),
  rejectedBefore: (chance) => chance([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]) === 1,
  budgets: (chance) =>
    chance([
      [],
      [],
      [],
      [],
      [],
      [],
      [],
      [{ name: 'payments', needed: 100, left: 99, text: '0.99 EUR are left' }],
      [{ name: 'calls', needed: 1, left: 1, text: '1 call is left' }],
    ]),
  uncovered: (chance) => chance([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]) === 1,
  environment: (chance) => chance(['production', 'production', 'staging', 'development'] as const),
  localTime: (chance) =>
    chance([null, null, { day: 'mon', minute: 600 }, { day: 'sun', minute: 1439 }] as const),
  now: (chance) =>
    chance(['2026-11-02T10:00:00Z', '2026-11-01T23:59:59Z', '2026-03-29T01:30:00Z', '2027-02-28T00:00:00Z']),
};

/**
 * Inputs over all tools of a catalogue, the same for the same seed.
 * @param count how many
 */
export function corpusOf(tools: readonly Tool[], count: number, seed: number): PolicyInput[] {
  const chance = chanceOf(seed);
  return Array.from({ length: count }, (_, index) => {
    const tool = tools[index % tools.length];
    if (!tool) throw new Error('the catalogue is empty');
    return Object.fromEntries(
      Object.entries(facts).map(([name, make]) => [name, make(chance, tool)]),
    ) as unknown as PolicyInput;
  });
}
