import type { Command } from './schema.ts';

/**
 * Reads `/name word word` from what a person typed. Only a slash at the very start makes a command.
 * @param text the message as typed, after channel markup was undone
 * @returns the command, or null for free text
 */
export function parseCommand(text: string): Command | null {
  const match = /^\/([a-z][a-z0-9-]{0,31})(?:@[A-Za-z0-9_]{1,64})?(?:\s+([\s\S]*))?$/i.exec(text.trim());
  if (!match?.[1]) return null;
  const words = (match[2] ?? '').split(/\s+/).filter((word) => word !== '');
  if (words.length > 64 || words.some((word) => word.length > 500)) return null;
  return { name: match[1].toLowerCase(), words };
}
