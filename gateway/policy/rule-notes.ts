import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { riskClasses, type RiskClass } from '../catalogue/index.ts';

/** One reason that a rule can give, as its source says. */
export interface RuleNote {
  set: 'denials' | 'approvals' | 'confirmations' | 'permissions';
  /** The code, or the expression that makes it. */
  code: string;
  /** The sentence; `…` stands for what is filled in. Null where the rule takes it from elsewhere. */
  text: string | null;
  file: string;
  line: number;
}

const head =
  /^(denials|approvals|confirmations|permissions) contains \{"code": (.+?), "text": (.+)\}(?: if .*)?$/;

/** Reads which reasons the rules can give: each `<set> contains {"code": …, "text": …}` of the Rego files. */
export async function readRuleNotes(policiesDir: string): Promise<RuleNote[]> {
  const folder = join(policiesDir, 'rego');
  const names = (await readdir(folder, { recursive: true }))
    .filter((name) => name.endsWith('.rego') && !name.endsWith('_test.rego'))
    .sort();
  const notes = await Promise.all(
    names.map(async (file) => notesOf(file, await readFile(join(folder, file), 'utf8'))),
  );
  return notes.flat();
}

/** Risk classes that nobody is asked about for the class alone. */
const unasked: readonly RiskClass[] = ['read', 'write'];

/** @returns the codes of all rules that ask or deny; what only permits cannot be lifted */
export async function liftableCodes(policiesDir: string): Promise<Set<string>> {
  const notes = await readRuleNotes(policiesDir);
  return new Set(
    notes.flatMap(({ set, code }) => {
      if (set === 'permissions') return [];
      const suffix = ofTheClass.exec(code)?.[1];
      if (suffix === undefined) return [code];
      return riskClasses.filter((risk) => !unasked.includes(risk)).map((risk) => `${risk}_${suffix}`);
    }),
  );
}

const ofTheClass = /^concat\("_", \[input\.tool\.risk, "(\w+)"\]\)$/;

function notesOf(file: string, source: string): RuleNote[] {
  const lines = source.split('\n');
  return lines.flatMap((line, index) => {
    const [, set, code, text] = head.exec(line.trim()) ?? [];
    if (set === undefined || code === undefined || text === undefined) return [];
    // A sentence that is put together stands in the body of its rule.
    const body = lines.slice(index + 1, lines.indexOf('}', index) + 1);
    const made = text === 'text' ? body.find((entry) => /^\s*text := /.test(entry)) : text;
    return [
      {
        set: set as RuleNote['set'],
        code: said(code) ?? code,
        text: said(made ?? ''),
        file,
        line: index + 1,
      },
    ];
  });
}

const literal = /^"(?:[^"\\]|\\.)*"$/;
// A literal, or anything else up to the next comma outside of brackets.
const part = /"(?:[^"\\]|\\.)*"|(?:[^,"()]|\((?:[^()]|\([^()]*\))*\))+/g;

/** The text of a literal, or what an expression joins, with `…` for what is filled in; null for anything else. */
function said(expression: string): string | null {
  if (literal.test(expression)) return JSON.parse(expression) as string;
  const joined = /^\s*text := concat\("", \[(.*)\]\)$/.exec(expression)?.[1];
  const parts = joined?.match(part)?.map((one) => one.trim());
  return (
    parts
      ?.filter((one) => one !== '')
      .map((one) => (literal.test(one) ? (JSON.parse(one) as string) : '…'))
      .join('') ?? null
  );
}
