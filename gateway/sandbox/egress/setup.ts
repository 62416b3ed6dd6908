import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Language } from '../contract.ts';
import type { EgressProxy } from './proxy.ts';

const program = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../launchers', name), 'utf8');

/** What makes a language's usual clients use the proxy. The shell's image has none. */
const programs: Partial<Record<Language, string>> = {
  javascript: program('egress.mjs'),
  python: program('egress.py'),
};

/** Whether code in a language can use the proxy. */
export const canReach = (language: Language): boolean => programs[language] !== undefined;

/** @returns what runs in the container before the code, in its language; it begins with the settings, as a text of JSON */
export function setupFor(language: Language, settings: EgressProxy['settings']): Buffer {
  const text = JSON.stringify(JSON.stringify(settings));
  return Buffer.from(`${language === 'python' ? '' : 'const '}given = ${text}\n${programs[language] ?? ''}`);
}
