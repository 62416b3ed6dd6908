import { randomBytes } from 'node:crypto';
import { recordReceipts } from '../../audit/index.ts';
import { GatehouseError } from '../../config/index.ts';
import { transaction, whileAlone, type Pool } from '../../db/index.ts';
import { digest } from '../../envelope/index.ts';
import type { Secrets } from '../stores/open.ts';
import { dataOf } from './fields.ts';
import type { Copy } from './plan.ts';
import { lastsLonger, sourceOf, type Source } from './source.ts';
import {
  copyRows,
  endFormer,
  forget,
  noteWriting,
  noteWritten,
  rememberSession,
  type CopyRow,
} from './state.ts';

/** The credentials of an n8n. What it answers is never part of an error where it repeats what is `hidden`. */
export interface N8nCredentials {
  /** Whether it has this type of credential. */
  knows(type: string): Promise<boolean>;
  create(credential: Credential): Promise<void>;
  /** @returns false where there is none with this id */
  update(credential: Credential): Promise<boolean>;
  /** Nothing happens where it is gone already. */
  remove(id: string): Promise<void>;
}

export interface Credential {
  id: string;
  name: string;
  type: string;
  data: object;
  hidden: string[];
}

/** What became of one credential. */
export interface Synced {
  name: string;
  state: 'written' | 'kept' | 'removed' | 'failed';
  /** Until when what n8n has is good; null where it has nothing. */
  until: Date | null;
  /** When it is to be replaced; null where it is not declared. */
  due: Date | null;
  error?: GatehouseError;
}

/** A user is replaced when this part of its life is over, so that a failure leaves time to mend it. */
const replaceAfter = 2 / 3;

interface Parts {
  pool: Pool;
  secrets: Secrets;
  /** Base address of n8n, by which it is remembered. */
  n8n: string;
  api: N8nCredentials;
  copies: readonly Copy[];
  /** Secrets with the tools that name each. */
  used: ReadonlyMap<string, readonly string[]>;
}

/**
 * Writes each declared credential that is due into n8n, ends the value that it replaced, and removes what is declared no
 * more. One that fails stops none of the others.
 * @throws GatehouseError `GH-VAULT-033` while another process does the same
 */
export async function syncCopies(parts: Parts): Promise<{ synced: Synced[]; unended: number }> {
  const { pool, n8n, secrets, copies } = parts;
  const alone = await whileAlone(pool, `credentials of ${n8n}`, async () => {
    const rows = new Map((await copyRows(pool, n8n)).map((row) => [row.name, row]));
    const synced: Synced[] = [];
    for (const copy of copies) {
      const row = rows.get(copy.name);
      synced.push(await told(copy.name, row, () => synchronise(parts, copy, row)));
    }
    for (const row of rows.values())
      if (!copies.some(({ name }) => name === row.name))
        synced.push(await told(row.name, row, () => remove(parts, row)));
    return { synced, unended: await endFormer(pool, n8n, (session) => secrets.revokeSession(session)) };
  });
  if (alone) return alone.done;
  throw new GatehouseError(
    'GH-VAULT-033',
    `The credentials of ${n8n} are being written by another process.`,
    {
      status: 409,
      next: 'One sync-credentials for each n8n is enough.',
    },
  );
}

async function synchronise(parts: Parts, copy: Copy, row: CopyRow | undefined): Promise<Synced> {
  const source = await sourceOf(copy, parts.secrets, parts.used);
  const mark = digest({ ...copy, ...(source.kind === 'rotated' ? { version: source.version } : {}) });
  const late = source.kind === 'made' && row !== undefined && row.due_at.getTime() <= Date.now();
  if (row?.mark === mark && !late)
    return { name: copy.name, state: 'kept', until: row.good_until, due: row.due_at };
  return write(parts, copy, { source, mark, id: row?.credential_id ?? newId() });
}

async function write(
  { pool, secrets, n8n, api }: Parts,
  copy: Copy,
  { source, mark, id }: { source: Source; mark: string; id: string },
): Promise<Synced> {
  const { name, type, secret } = copy;
  // Asked first, so that no user is made for an n8n that is away.
  if (!(await api.knows(type))) {
    throw new GatehouseError('GH-VAULT-034', `n8n has no credentials of the type ${type}.`, {
      next: 'Correct the type in n8n-credentials.yaml.',
    });
  }
  let accessor: string | undefined;
  const { value, due, until } = await valueOf(copy, source, secrets, async (session) => {
    await rememberSession(pool, session, { n8n, name });
    accessor = session.accessor;
  });
  const { data, hidden } = dataOf(copy, value);
  await noteWriting(pool, { n8n, name, id, secret });
  const credential = { id, name, type, data, hidden };
  if (!(await api.update(credential))) await api.create(credential);
  await transaction(pool, async (tx) => {
    await noteWritten(tx, { n8n, name, secret, mark, due, until, accessor });
    const facts = { n8n, credential: id, secret, declared: mark, until: until.toISOString() };
    recordReceipts(tx, [{ kind: 'secret.copied', facts }]);
  });
  return { name, state: 'written', until, due };
}

/** @throws GatehouseError `GH-VAULT-030` for a user that outlives what is declared */
async function valueOf(
  { secret, lifetime }: Copy,
  source: Source,
  secrets: Secrets,
  remember: Parameters<Secrets['issue']>[1],
): Promise<{ value: string; due: Date; until: Date }> {
  if (source.kind === 'rotated') {
    const value = (await secrets.get(secret)) ?? '';
    return { value, due: source.next, until: source.until };
  }
  const issued = await secrets.issue(secret, remember);
  const now = Date.now();
  const life = (issued?.until.getTime() ?? Infinity) - now;
  if (!issued || life > lifetime)
    throw lastsLonger(secret, 'Give its role at the Vault a max_ttl and default_ttl that are no longer.');
  return { value: issued.value, due: new Date(now + life * replaceAfter), until: issued.until };
}

async function remove({ pool, n8n, api }: Parts, row: CopyRow): Promise<Synced> {
  const { name, credential_id: id, secret } = row;
  await api.remove(id);
  await transaction(pool, async (tx) => {
    await forget(tx, n8n, name);
    recordReceipts(tx, [{ kind: 'secret.uncopied', facts: { n8n, credential: id, secret } }]);
  });
  return { name, state: 'removed', until: null, due: null };
}

async function told(name: string, row: CopyRow | undefined, work: () => Promise<Synced>): Promise<Synced> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GatehouseError)) throw error;
    return { name, state: 'failed', until: row?.good_until ?? null, due: row?.due_at ?? null, error };
  }
}

/** n8n takes ids of up to 16 letters; one of ours is known before it is used, so that nothing is made twice. */
const newId = (): string => randomBytes(12).toString('base64url');
