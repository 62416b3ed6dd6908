import { faultLine, type Fault, type Tool } from '../catalogue/index.ts';
import { counted, fail, note, ok, warn, type Finding } from './finding.ts';

type Naming = Pick<Tool, 'name' | 'secret' | 'egress'> & Partial<Pick<Tool, 'api' | 'connector'>>;

/** What is wrong with tools, and which of their secrets are missing. */
export function catalogueFindings(
  { tools, faults }: { tools: readonly Naming[]; faults: readonly Fault[] },
  stored: readonly string[],
): Finding[] {
  const users = Map.groupBy(
    tools.flatMap((tool) =>
      secretsOf(tool).map((secret) => ({ secret, tool: tool.name, elsewhere: isElsewhere(tool) })),
    ),
    ({ secret }) => secret,
  );
  const missing = [...users].filter(([secret]) => !stored.includes(secret));
  return [
    ok('catalogue', `The catalogue has ${counted(tools.length, 'good tool')}.`),
    ...faults.map((fault) => fail('catalogue', faultLine(fault), 'npx gatehouse tools lint')),
    ...missing.map(([secret, by]) =>
      // Tools of systems that nobody here may have ship all the same.
      (by.every(({ elsewhere }) => elsewhere) ? note : warn)(
        'tool-secrets',
        `The secret ${secret} is not set; without it ${by.map(({ tool }) => tool).join(', ')} cannot run.`,
        `npx gatehouse secret set ${secret}`,
      ),
    ),
  ];
}

const isElsewhere = ({ api, connector }: Naming): boolean => Boolean(api) || connector?.kind === 'smtp';

const secretsOf = ({ secret, egress }: Naming): string[] => [
  ...new Set([...(secret === undefined ? [] : [secret]), ...(egress?.secrets ?? []).map(({ name }) => name)]),
];
