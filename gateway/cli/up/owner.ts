import { hash } from 'bcryptjs';
import { randomSecret, readJson, writeJson } from './files.ts';

/** The login of n8n's owner; the file is readable by its user only. */
export interface Owner {
  url: string;
  email: string;
  password: string;
  passwordHash: string;
}

/** Reads n8n's owner, or makes one at the first start. n8n is given the hash and sets it at each of its starts. */
export async function loadOwner(path: string, url: string): Promise<Owner> {
  const known = await readJson<Owner>(path);
  if (known?.url === url) return known;
  const password = known?.password ?? `${randomSecret()}-A1`;
  const owner: Owner = {
    url,
    email: known?.email ?? 'owner@gatehouse.example.com',
    password,
    passwordHash: known?.passwordHash ?? (await hash(password, 10)),
  };
  await writeJson(path, owner);
  return owner;
}
