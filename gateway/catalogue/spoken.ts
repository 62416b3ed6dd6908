import type { FoundFault } from './faults.ts';
import type { ToolFile } from './schema.ts';

/** What is wrong with the words that people say for choices: no such choice, or a word for two of them. */
export function wordFaults({ says, args }: ToolFile): FoundFault[] {
  return Object.entries(says).flatMap(([name, choices]) => {
    const { enum: offered } = args.properties[name] ?? {};
    const values: unknown[] = Array.isArray(offered) ? offered : [];
    const taken = new Map(values.map((value) => [String(value).toLowerCase(), value]));
    return Object.entries(choices).flatMap(([value, words]): FoundFault[] => {
      const where = ['says', name, value];
      if (!values.includes(value)) {
        const remedy = values.length > 0 ? `Name one of ${values.join(', ')}.` : 'Give the argument an enum.';
        return [{ where, fault: `\`${value}\` is no choice of \`${name}\``, remedy }];
      }
      return words.flatMap((word) => {
        const other = taken.get(word.toLowerCase()) ?? value;
        taken.set(word.toLowerCase(), value);
        if (other === value) return [];
        const remedy = 'Give each choice words of its own.';
        return [{ where, fault: `\`${word}\` would mean ${JSON.stringify(other)} as well`, remedy }];
      });
    });
  });
}

/** What is wrong with `reaches`: everything that redirects belongs to it, and none of it has a value that nobody wrote. */
export function reachFaults({ reaches, kinds, constants, args }: ToolFile): FoundFault[] {
  if (!reaches) return [];
  const redirecting = Object.keys(kinds).filter((name) => kinds[name] === 'redirects');
  const missing = redirecting.filter((name) => !reaches.includes(name));
  const strange = reaches.filter((name) => Object.hasOwn(kinds, name) && kinds[name] !== 'redirects');
  const filled = reaches.filter(
    (name) => Object.hasOwn(constants, name) || Object.hasOwn(args.properties[name] ?? {}, 'default'),
  );
  const fault = (name: string, text: string, remedy: string): FoundFault => ({
    where: ['reaches'],
    fault: `\`${name}\` ${text}`,
    remedy,
  });
  return [
    ...missing.map((name) => fault(name, 'redirects as well', `Name it, or delete reaches.`)),
    ...strange.map((name) =>
      fault(name, 'does not redirect', `Give it the kind redirects, or leave it out.`),
    ),
    ...filled.map((name) => fault(name, 'has a value when nobody names one', 'Delete reaches.')),
  ];
}
