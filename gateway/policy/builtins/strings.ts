import type { Builtin } from './builtin.ts';

const affix =
  (matches: (text: string, part: string) => boolean): Builtin =>
  (search, base) => {
    const texts = asStrings(search);
    const parts = asStrings(base);
    return texts && parts && texts.some((text) => parts.some((part) => matches(text, part)));
  };

export const strings: Record<string, Builtin> = {
  'strings.any_prefix_match': affix((text, part) => text.startsWith(part)),
  'strings.any_suffix_match': affix((text, part) => text.endsWith(part)),
};

/** One string or a collection of them; undefined for anything else. */
function asStrings(value: unknown): string[] | undefined {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.every((entry) => typeof entry === 'string') ? list : undefined;
}
