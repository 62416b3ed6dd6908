import { readFileSync } from 'node:fs';
import { GatehouseError } from '../config/index.ts';

/**
 * A setting of a command that runs without the gateway's own: from the environment, or the file that `NAME_FILE` names.
 * @returns undefined where it is not set
 * @throws GatehouseError `GH-CLI-032` for a file that cannot be read
 */
export function settingOrFile(name: string, environment = process.env): string | undefined {
  const { [name]: value, [`${name}_FILE`]: file } = environment;
  if (value) return value;
  if (!file) return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new GatehouseError('GH-CLI-032', `${name}_FILE: ${file} cannot be read.`, { cause });
  }
}
