import type { Bench } from '../../main.ts';
import { atMost, median, ratios, type Table } from '../../report.ts';
import { examples, timed, type RuleSet } from './cases.ts';
import { ourEngines, type Loaded } from './engines.ts';
import { faults } from './faults.ts';
import { agentGovernance, aiSdk, cedarPolicies } from './peers.ts';

const rounds = 5;
const counts = [10, 100, 1000];
const sizes = [200, 1000, 10_000];
/** How a cell is measured in a round: so many turns, each of so many milliseconds and at least so many calls. */
const turns = 10;
const turnMs = 12;
const leastCalls = 3;

const names = {
  ours: 'Gatehouse, end to end',
  wasm: 'bare opa-wasm, the same rules',
  rest: 'OPA REST, the same rules',
  aiSdk: '@ai-sdk/policy-opa',
  agentGovernance: '@microsoft/agent-governance-sdk',
  cedar: '@cedar-policy/cedar-wasm',
};
type Name = keyof typeof names;

/** One engine with one set of rules, and what each round saw with inputs of each size. */
interface Column {
  set: RuleSet;
  name: Name;
  engine: Loaded;
  seen: Map<number, Sample[]>;
}
interface Sample {
  p50: number;
  p99: number;
  perSecond: number;
}

/** Rows of data and rules written by hand, by the size of the input: Gatehouse beside other engines. */
export async function measureMatrix(say: (text: string) => void): ReturnType<Bench> {
  const columns: Column[] = [];
  try {
    for (const kind of ['data', 'rules'] as const) {
      for (const count of counts) {
        const set = { kind, count };
        const add = (engines: Partial<Record<Name, Loaded>>): void => {
          for (const [name, engine] of Object.entries(engines) as [Name, Loaded][])
            columns.push({ set, name, engine, seen: new Map() });
        };
        add(await ourEngines(set));
        add({ aiSdk: await aiSdk(set) });
        if (kind === 'rules')
          add({ agentGovernance: await agentGovernance(set), cedar: await cedarPolicies(set) });
        for (const column of columns.filter((one) => one.set === set)) await checkAnswers(column);
        say(`decision: ${count} of ${kind} loaded, and all engines agree`);
      }
    }
    const compared = [...Map.groupBy(columns, ({ name, set }) => `${name} ${set.kind}`).values()];
    // The first round warms up and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      for (const bytes of sizes) {
        for (const group of compared) {
          const decide = await Promise.all(group.map(({ engine }) => engine.prepare(timed, bytes)));
          const samples = await measure(decide);
          if (round === 0) continue;
          for (const [index, { seen }] of group.entries())
            seen.set(bytes, [...(seen.get(bytes) ?? []), samples[index] as Sample]);
        }
      }
      say(`decision: round ${round} of the matrix`);
    }
  } finally {
    for (const { engine } of columns) await engine.close?.();
  }
  return {
    ...compare(columns),
    tables: [tableOf('data', columns), tableOf('rules', columns), await faults()],
  };
}

/** @throws where an engine says something else than it should: then its numbers would be those of another question */
async function checkAnswers({ set, name, engine }: Column): Promise<void> {
  for (const example of examples(set)) {
    const outcome = await (await engine.prepare(example, sizes[0] ?? 0))();
    if (outcome === example.outcome) continue;
    throw new Error(
      `${names[name]} with ${set.count} of ${set.kind} says ${outcome} to ${JSON.stringify(example)}`,
    );
  }
}

/** Calls engines in short turns, so that whatever else the machine does meets all of them alike. */
async function measure(engines: (() => unknown)[]): Promise<Sample[]> {
  const taken = engines.map((): number[] => []);
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [index, decide] of engines.entries()) {
      const samples = taken[index] ?? [];
      const until = performance.now() + turnMs;
      for (let [before, calls] = [performance.now(), 0]; calls < leastCalls || before < until; calls += 1) {
        const pending = decide();
        if (pending instanceof Promise) await pending;
        const now = performance.now();
        samples.push((now - before) * 1000);
        before = now;
      }
    }
  }
  return taken.map((samples) => {
    const total = samples.reduce((sum, sample) => sum + sample, 0);
    samples.sort((a, b) => a - b);
    const at = (share: number): number => samples[Math.floor(samples.length * share)] ?? NaN;
    return { p50: at(0.5), p99: at(0.99), perSecond: samples.length / (total / 1_000_000) };
  });
}

/** The bars: how Gatehouse grows with rows and rules, and how it stands to a round trip to OPA. */
function compare(columns: Column[]): Pick<Awaited<ReturnType<Bench>>, 'results' | 'bars'> {
  const p50 = (name: Name, kind: RuleSet['kind'], count: number, bytes: number): number[] => {
    const column = columns.find(
      (one) => one.name === name && one.set.kind === kind && one.set.count === count,
    );
    return (column?.seen.get(bytes) ?? []).map((sample) => sample.p50);
  };
  const growth = (kind: RuleSet['kind']): number =>
    Math.max(
      ...sizes.map((bytes) => median(ratios(p50('ours', kind, 1000, bytes), p50('ours', kind, 10, bytes)))),
    );
  const toRest = (kind: RuleSet['kind']): number =>
    Math.max(
      ...counts.map((count) =>
        median(ratios(p50('ours', kind, count, 1000), p50('rest', kind, count, 1000))),
      ),
    );
  return {
    results: [
      {
        what: 'in process with provenance at 1 kB ÷ round trip to OPA, rules by hand, the highest',
        value: toRest('rules'),
        unit: '×',
      },
    ],
    bars: [
      atMost('1,000 rows of data ÷ 10', growth('data'), 1.3),
      atMost('1,000 rules by hand ÷ 10', growth('rules'), 10),
      atMost('in process with provenance at 1 kB ÷ round trip to OPA', toRest('data'), 0.4),
    ],
  };
}

function tableOf(kind: RuleSet['kind'], columns: Column[]): Table {
  const rows = (Object.entries(names) as [Name, string][]).flatMap(([name, title]): Table['rows'] => {
    const found = columns.filter((column) => column.name === name && column.set.kind === kind);
    if (found.length === 0) return [[title, 'any', ...sizes.flatMap(() => [null, null, null])]];
    return found.map(({ set, seen }) => [
      title,
      set.count,
      ...sizes.flatMap((bytes) => cells(seen.get(bytes) ?? [])),
    ]);
  });
  return {
    title: kind === 'data' ? 'Rows of data' : 'Rules written by hand',
    columns: [
      'engine',
      kind === 'data' ? 'rows' : 'rules',
      ...sizes.flatMap((bytes) => [`${bytes / 1000} kB: p50 µs`, 'p99 µs', 'decisions/s']),
    ],
    rows,
  };
}

const cells = (samples: Sample[]): number[] =>
  (['p50', 'p99', 'perSecond'] as const).map((field) => median(samples.map((sample) => sample[field])));
