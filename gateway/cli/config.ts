import { Command } from 'commander';
import { printJson, printTable } from './output.ts';
import { commandSettings } from './settings.ts';

/** `gatehouse config`: every setting, where it came from, and no secret. */
export function configCommand(): Command {
  return new Command('config')
    .description('print the settings, redacted, with where each came from')
    .option('--json', 'print as JSON')
    .action((options: { json?: boolean }) => {
      const settings = Object.entries(commandSettings({ database: false })).map(([key, value]) => {
        const name = `GATEHOUSE_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
        return { name, value: redact(value), from: origin(name) };
      });
      if (options.json) return printJson(settings);
      printTable(
        ['SETTING', 'FROM', 'VALUE'],
        settings.map(({ name, value, from }) => [name, from, value]),
        'No settings.',
      );
    });
}

function origin(name: string): string {
  if (process.env[name]) return 'environment';
  return process.env[`${name}_FILE`] ? 'file' : 'default';
}

/** Passwords in URLs are the only secrets that a setting can hold. */
function redact(value: string | number | boolean | undefined): string {
  return value === undefined ? '' : String(value).replace(/(:\/\/[^:@/]*:)[^@/]*@/, '$1***@');
}
