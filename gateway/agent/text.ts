/** What Postgres keeps of a text that somebody else wrote: no NUL, and no half of a character. */
export const storable = (text: string): string => text.replaceAll('\0', '').toWellFormed();

/** The first characters of a text, with a word about the rest. */
export function shortened(text: string, most: number): string {
  return text.length <= most
    ? text
    : `${text.slice(0, most)}\n[${text.length - most} more characters are left out]`;
}
