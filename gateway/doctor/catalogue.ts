import { faultLine, type Fault, type Tool } from '../catalogue/index.ts';
import { secretsInUse } from '../vault/index.ts';
import { counted, fail, note, ok, warn, type Finding } from './finding.ts';

type Naming = Pick<Tool, 'name' | 'secret'> & Partial<Pick<Tool, 'egress' | 'api' | 'connector'>>;

/**
 * What is wrong with tools, and which of their secrets are missing.
 * @param found.keys what models need, which is missing just so
 */
export function catalogueFindings(
  {
    tools,
    keys = [],
    faults,
  }: { tools: readonly Naming[]; keys?: readonly Naming[]; faults: readonly Fault[] },
  stored: readonly string[],
): Finding[] {
  const missing = [...secretsInUse([...tools, ...keys])].filter(([secret]) => !stored.includes(secret));
  const elsewhere = new Set(tools.filter(isElsewhere).map(({ name }) => name));
  return [
    ok('catalogue', `The catalogue has ${counted(tools.length, 'good tool')}.`),
    ...faults.map((fault) => fail('catalogue', faultLine(fault), 'npx gatehouse tools lint')),
    ...missing.map(([secret, by]) =>
      // Tools of systems that nobody here may have ship all the same.
      (by.every((name) => elsewhere.has(name)) ? note : warn)(
        'tool-secrets',
        `The secret ${secret} is not set; without it ${by.join(', ')} cannot run.`,
        `npx gatehouse secret set ${secret}`,
      ),
    ),
  ];
}

const isElsewhere = ({ api, connector }: Naming): boolean => Boolean(api) || connector?.kind === 'smtp';
