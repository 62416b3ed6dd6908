import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { repository } from '../../../gateway/cli/up/index.ts';
import type { TestStack } from './stack.ts';

const run = promisify(execFile);

/** Everything that one place holds, as text. */
export interface Store {
  /** `gateway:public.messages`, `n8n:public.execution_data`, `file:logs/n8n.log`, `metrics`, `audit export` … */
  name: string;
  text: string;
}

/** Reads every place of a stack where something could be left: all tables, all files, metrics and the audit export. */
export async function allStores(stack: TestStack): Promise<Store[]> {
  const [gateway, n8n, demo] = await Promise.all([
    tables('gateway', (text) => stack.sql(text)),
    tables('n8n', (text) => stack.n8n(text)),
    tables('demo', (text) => stack.demo(text)),
  ]);
  return [...gateway, ...n8n, ...demo, ...files(stack.dir), await metrics(stack), await auditExport(stack)];
}

/** n8n's database, and the files in its folder. */
export async function n8nStores(stack: TestStack): Promise<Store[]> {
  const own = files(stack.dir).filter(({ name }) => name.startsWith('file:n8n/'));
  return [...(await tables('n8n', (text) => stack.n8n(text))), ...own];
}

/** @returns the names of the stores that hold `text`, as it is, in hex or in base64 */
export function holders(stores: readonly Store[], text: string): string[] {
  const forms = [text, Buffer.from(text).toString('hex'), ...[0, 1, 2].map((lead) => base64At(text, lead))];
  return stores.filter((store) => forms.some((form) => store.text.includes(form))).map(({ name }) => name);
}

/** The base64 of a text that follows `lead` other bytes, without the letters that it shares with its neighbours. */
function base64At(text: string, lead: number): string {
  const whole = Buffer.concat([Buffer.alloc(lead), Buffer.from(text)]).toString('base64');
  return whole.slice(lead === 0 ? 0 : lead + 1, Math.floor(((lead + text.length) * 8) / 6));
}

async function tables(
  database: string,
  query: (text: string) => Promise<Record<string, string>[]>,
): Promise<Store[]> {
  const names = await query(
    `select format('%I.%I', table_schema, table_name) as name from information_schema.tables
     where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
  );
  const stores: Store[] = [];
  for (const { name } of names) {
    const rows = await query(`select t::text as row from ${name} t`);
    stores.push({ name: `${database}:${name}`, text: rows.map(({ row }) => row).join('\n') });
  }
  return stores;
}

/** What the processes wrote; not Postgres's own files, and not installed programs. */
function files(folder: string, within = folder): Store[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const passed = entry.name === 'node_modules' || (folder === within && entry.name === 'postgres');
      return passed || !existsSync(path) ? [] : files(path, within);
    }
    if (!entry.isFile()) return [];
    try {
      return [{ name: `file:${relative(within, path)}`, text: readFileSync(path, 'latin1') }];
    } catch {
      // n8n deletes files while we look.
      return [];
    }
  });
}

async function metrics(stack: TestStack): Promise<Store> {
  return { name: 'metrics', text: await (await fetch(`${stack.urls.internal}/metrics`)).text() };
}

async function auditExport(stack: TestStack): Promise<Store> {
  const command = join(repository, 'gateway/cli/gatehouse.mjs');
  const { stdout } = await run(process.execPath, [command, 'audit', 'export'], {
    env: { ...process.env, GATEHOUSE_DATABASE_URL: stack.databaseUrl, GATEHOUSE_DATA_DIR: stack.dir },
    maxBuffer: 64 << 20,
  });
  return { name: 'audit export', text: stdout };
}
