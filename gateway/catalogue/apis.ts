import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readDocument } from './document.ts';
import { unreadable, type Fault } from './faults.ts';
import { ApiSchema, type Api } from './rest.ts';
import { apiFaults } from './rest-faults.ts';

/** The systems that tools name, by the names of their files. */
export type Apis = ReadonlyMap<string, Api>;

/** The files of `policies/apis/`: the good ones, every fault of the others, and their texts. */
export interface ReadApis {
  apis: Apis;
  faults: Fault[];
  texts: string[];
}

/**
 * Reads `apis/*.yaml`. There may be none: a tool can describe its system by itself.
 * @param policiesDir the folder that holds `apis/`
 */
export function readApis(policiesDir: string): ReadApis {
  const folder = join(policiesDir, 'apis');
  const apis = new Map<string, Api>();
  const faults: Fault[] = [];
  const texts: string[] = [];
  for (const name of namesIn(folder)) {
    const file = join(folder, name);
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      faults.push({ file, ...unreadable });
      continue;
    }
    texts.push(text);
    const read = readDocument(file, text, ApiSchema, 'an API');
    const found = 'faults' in read ? read.faults : apiFaults(read.value).map(read.placed);
    if ('value' in read && found.length === 0) apis.set(name.replace(/\.ya?ml$/, ''), read.value);
    faults.push(...found);
  }
  return { apis, faults, texts };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort();
  } catch {
    return [];
  }
}
