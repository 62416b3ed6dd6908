/** U+2060: joins words, takes no room, and keeps `@name` from being read as a mention. */
const wordJoiner = '\u2060';

/**
 * Takes the power to call people out of text: `@channel`, `@here`, `@everyone` and `@name` stay readable but mention
 * nobody. An address (`a@b.example`) is left as it is.
 */
export function withoutMentions(text: string): string {
  return printableText(text).replace(/(^|[^\p{L}\p{N}._%+-])@(?=[\p{L}\p{N}_])/gu, `$1@${wordJoiner}`);
}

/** Outbound text without what no channel can show: NUL, lone surrogates, other control characters but tab and newline. */
function printableText(text: string): string {
  return text.toWellFormed().replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
}

/** Cuts text into parts of at most `size` UTF-16 units, at a line break or space where there is one, never in a pair. */
export function parts(text: string, size: number): string[] {
  const result: string[] = [];
  let rest = text;
  while (rest.length > size) {
    const head = rest.slice(0, size);
    const natural = Math.max(head.lastIndexOf('\n'), head.lastIndexOf(' '));
    let cut = natural > size / 2 ? natural + 1 : size;
    if (/[\ud800-\udbff]/.test(rest.charAt(cut - 1))) cut -= 1;
    result.push(rest.slice(0, cut));
    rest = rest.slice(cut);
  }
  if (rest !== '') result.push(rest);
  return result;
}
