import { faultLine, type Fault, type Tool } from '../catalogue/index.ts';
import { secretsInUse } from '../vault/index.ts';
import { counted, fail, ok, warn, type Finding } from './finding.ts';

type Naming = Pick<Tool, 'name' | 'secret' | 'egress'>;

/** What is wrong with tools, and which of their secrets are missing. */
export function catalogueFindings(
  { tools, faults }: { tools: readonly Naming[]; faults: readonly Fault[] },
  stored: readonly string[],
): Finding[] {
  const missing = [...secretsInUse(tools)].filter(([secret]) => !stored.includes(secret));
  return [
    ok('catalogue', `The catalogue has ${counted(tools.length, 'good tool')}.`),
    ...faults.map((fault) => fail('catalogue', faultLine(fault), 'npx gatehouse tools lint')),
    ...missing.map(([secret, by]) =>
      warn(
        'tool-secrets',
        `The secret ${secret} is not set; without it ${by.join(', ')} cannot run.`,
        `npx gatehouse secret set ${secret}`,
      ),
    ),
  ];
}
