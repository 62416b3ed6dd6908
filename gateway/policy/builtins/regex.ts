import { RE2JS } from 're2js';
import type { Builtin } from './builtin.ts';

const compiled = new Map<string, RE2JS | undefined>();

export const regex: Record<string, Builtin> = {
  'regex.replace': (text, pattern, template) => {
    if (typeof text !== 'string' || typeof pattern !== 'string' || typeof template !== 'string')
      return undefined;
    const expression = compile(pattern);
    if (!expression) return undefined;
    const names = expression.namedGroups();
    const groups = expression.groupCount() + 1;
    let end = -1;
    return expression.matcher(text).replaceAll((...found: unknown[]) => {
      const [match, at] = [String(found[0]), Number(found[groups])];
      // To Go, nothing is no match where another one ended.
      if (match === '' && at === end) return '';
      end = at + match.length;
      return expand(template, found.slice(0, groups), names);
    });
  },
};

/** @returns undefined for a pattern that is none; patterns are few, so that they are kept */
function compile(pattern: string): RE2JS | undefined {
  if (!compiled.has(pattern)) {
    if (compiled.size >= 1000) compiled.clear();
    compiled.set(pattern, attempt(pattern));
  }
  return compiled.get(pattern);
}

function attempt(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return undefined;
  }
}

/** Go's template (https://pkg.go.dev/regexp#Regexp.Expand): `$1x` is a group named `1x`, an unknown group is empty. */
function expand(template: string, groups: unknown[], names: Record<string, number>): string {
  return template.replace(
    /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu,
    (whole, braced?: string, bare?: string) => {
      if (whole === '$$') return '$';
      const name = braced ?? bare ?? '';
      const group = /^(0|[1-9]\d*)$/.test(name)
        ? Number(name)
        : Object.hasOwn(names, name)
          ? names[name]
          : undefined;
      const value = group === undefined ? undefined : groups[group];
      return typeof value === 'string' ? value : '';
    },
  );
}
