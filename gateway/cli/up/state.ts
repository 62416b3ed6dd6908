import { readJson, randomSecret, writeJson } from './files.ts';
import type { Layout } from './layout.ts';

/** Passwords and keys that `gatehouse up` makes once, at its first start, and keeps readable by its user only. */
export interface State {
  postgres: { superuser: string; gatehouse: string; n8n: string };
  n8n: { encryptionKey: string; hmacSecret: string; jwtSecret: string };
}

/** Reads the stack's passwords and keys, or makes them at the first start. */
export async function loadState(paths: Layout): Promise<State> {
  const known = await readJson<State>(paths.state);
  if (known) return known;
  const made: State = {
    postgres: { superuser: randomSecret(), gatehouse: randomSecret(), n8n: randomSecret() },
    n8n: { encryptionKey: randomSecret(), hmacSecret: randomSecret(), jwtSecret: randomSecret() },
  };
  await writeJson(paths.state, made);
  return made;
}
