import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const numbered = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);

/** Fifty people who decide: the first twenty payments, the next fifteen newsletters, the rest code. */
export const voters = numbered('voter', 50);
/** Each asks for three calls, which is as many as one session may have open. */
export const requesters = numbered('requester', 336);

const groupOf = (index: number): string => (index < 20 ? 'payers' : index < 35 ? 'senders' : 'coders');

/** Puts these people into a copy of the policies, and each class before a group of its own. */
export async function peopleFor(policiesDir: string): Promise<void> {
  const person = (principal: string, roles: string[], groups: string[]): object => ({
    principal,
    display: principal.replace('-', ' '),
    roles,
    groups,
    identities: [{ channel: 'web', account: 'local', id: principal }],
  });
  const people = [
    ...requesters.map((principal) => person(principal, ['member'], [])),
    ...voters.map((principal, index) => person(principal, ['approver'], [groupOf(index), 'approvers'])),
  ];
  // JSON is YAML.
  await writeFile(join(policiesDir, 'people.yaml'), JSON.stringify({ people }));
  const classes = join(policiesDir, 'approvals.yaml');
  const text = await readFile(classes, 'utf8');
  const given = { payment: 'payers', outbound: 'senders', code: 'coders' };
  const changed = Object.entries(given).reduce(
    (file, [risk, group]) =>
      file.replace(new RegExp(`(  ${risk}:(?: \\{|\\n)\\s*groups: )\\[approvers\\]`), `$1[${group}]`),
    text,
  );
  await writeFile(classes, changed);
}
