import { resolve } from 'node:path';
import { commandSettings } from '../settings.ts';

/** What the argument means, for the help of each command that has it. */
export const folderHelp = 'a policies folder, such as a copy that you change; by default the one in force';

/** The folder that a command is about. @param named as it was typed */
export function policiesFolder(named: string | undefined): string {
  return named === undefined ? commandSettings({ database: false }).policiesDir : resolve(named);
}
