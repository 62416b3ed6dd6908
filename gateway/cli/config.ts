import { Command } from 'commander';
import { settingNames } from '../config/index.ts';
import { printJson, printTable } from './output.ts';
import { commandSettings, originOf } from './settings.ts';

/** `gatehouse config`: every setting, where it came from, and no secret. */
export function configCommand(): Command {
  return new Command('config')
    .description('print the settings, redacted, with where each came from')
    .option('--json', 'print as JSON, with what each setting is')
    .action((options: { json?: boolean }) => {
      const settings = commandSettings({ database: false });
      const rows = settingNames.map(({ key, name, description }) => {
        const from = originOf(name);
        const value = settings[key];
        // Nobody named a database, and a made-up address would look like one.
        const unset = value === undefined || (key === 'databaseUrl' && from === 'default');
        return {
          name,
          value: unset ? null : redact(String(value)),
          from: unset ? 'not set' : from,
          description,
        };
      });
      if (options.json) return printJson(rows);
      printTable(
        ['SETTING', 'FROM', 'VALUE'],
        rows.map(({ name, value, from }) => [name, from, value ?? '']),
        'No settings.',
      );
    });
}

/** Passwords in URLs are the only secrets that a setting can hold. */
function redact(value: string): string {
  const url = URL.parse(value);
  if (!url) return value;
  const named = [...url.searchParams.keys()].filter((name) => /password|secret|token|key/i.test(name));
  if (url.password === '' && named.length === 0) return value;
  if (url.password !== '') url.password = '***';
  for (const name of named) url.searchParams.set(name, '***');
  return url.href;
}
