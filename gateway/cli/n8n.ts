import { Command } from 'commander';
import { modelKeys } from '../agent/index.ts';
import { loadCatalogue } from '../catalogue/index.ts';
import { createLogger, GatehouseError, type Settings } from '../config/index.ts';
import type { Pool } from '../db/index.ts';
import {
  openSecrets,
  readCopies,
  secretsInUse,
  syncCopies,
  type N8nCredentials,
  type Secrets,
  type Synced,
} from '../vault/index.ts';
import { apiKeyOf, n8nApi, type N8nApi } from './n8n-api.ts';
import { watchCredentials } from './n8n-watch.ts';
import { exitCodes, plain, printError, printJson } from './output.ts';
import { commandSettings, withPool } from './settings.ts';

interface Options {
  n8n: string;
  apiKey?: string;
  watch?: boolean;
  json?: boolean;
}

/** `gatehouse n8n …`: what is written into an n8n beside workflows. */
export function n8nCommand(): Command {
  const command = new Command('n8n').description('what n8n gets of the gateway’s secrets');
  command
    .command('sync-credentials')
    .description('write the short-lived credentials of policies/n8n-credentials.yaml that are due into n8n')
    .requiredOption('--n8n <url>', 'base address of n8n')
    .option('--api-key <key>', 'an API key of n8n; better in the environment as N8N_API_KEY')
    .option('--watch', 'go on and replace each before it expires, until stopped')
    .option('--json', 'print what was done as JSON')
    .action(async (options: Options) => {
      const settings = commandSettings({ database: true });
      const n8n = options.n8n.replace(/\/$/, '');
      const api = credentialsAt(n8nApi(n8n, apiKeyOf(options)));
      const look = (pool: Pool, secrets: Secrets): Promise<Done> =>
        lookOnce({ pool, secrets, n8n, api }, settings);
      await withPool(settings, async (pool) => {
        const production = settings.environment === 'production';
        const secrets = await openSecrets({ ...settings, production, log: createLogger('silent') });
        try {
          if (options.watch)
            return await watchCredentials(() => look(pool, secrets), {
              told: (done) => show(done, options),
              failed: printError,
              signal: untilStopped(),
            });
          const done = await look(pool, secrets);
          show(done, options);
          if (done.synced.some(({ state }) => state === 'failed')) process.exitCode = exitCodes.failed;
        } finally {
          await secrets.close();
        }
      });
    });
  return command;
}

/** Ends with the signals that stop a program. */
function untilStopped(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  return stopping.signal;
}

type Done = Awaited<ReturnType<typeof syncCopies>>;

/** Both files are read each time, so that a change of them counts without a restart. */
async function lookOnce(
  parts: Pick<Parameters<typeof syncCopies>[0], 'pool' | 'secrets' | 'n8n' | 'api'>,
  { policiesDir }: Settings,
): Promise<Done> {
  const copies = await readCopies(policiesDir);
  const using = [...loadCatalogue(policiesDir).list(), ...(await modelKeys({ policiesDir }))];
  return syncCopies({ ...parts, copies, used: secretsInUse(using) });
}

/** n8n's public API as the credentials that it keeps: https://docs.n8n.io/api/api-reference/#tag/Credential */
export function credentialsAt(api: N8nApi): N8nCredentials {
  const at = (id: string): string => `/credentials/${encodeURIComponent(id)}`;
  return {
    knows: (type) => api.has(`/credentials/schema/${encodeURIComponent(type)}`),
    async create({ id, name, type, data, hidden }) {
      if (await api.reach('POST', '/credentials', { id, name, type, data }, hidden)) return;
      throw new GatehouseError('GH-CLI-031', 'n8n has no public API for credentials at this address.', {
        next: 'Its version must be 2.41 or newer, and its public API on.',
      });
    },
    update: ({ id, name, type, data, hidden }) => api.reach('PATCH', at(id), { name, type, data }, hidden),
    remove: async (id) => void (await api.reach('DELETE', at(id))),
  };
}

function show({ synced, unended }: Done, { json }: Options): void {
  if (json) {
    return printJson({
      credentials: synced.map(({ error, ...entry }) => ({
        ...entry,
        ...(error ? { error: { code: error.code, message: error.message } } : {}),
      })),
      unended,
    });
  }
  const lines = synced.map((entry) => plain(lineOf(entry)));
  if (lines.length === 0)
    lines.push('policies/n8n-credentials.yaml declares no credential: nothing is copied into n8n.');
  if (unended > 0)
    lines.push(`Former values that could not be ended yet: ${unended}. The next run tries again.`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

function lineOf({ name, state, until, due, error }: Synced): string {
  const when = `good until ${until?.toISOString()}, due ${due?.toISOString()}`;
  switch (state) {
    case 'written':
      return `Wrote "${name}": ${when}.`;
    case 'kept':
      return `"${name}" is not due: ${when}.`;
    case 'removed':
      return `Removed "${name}", which is not declared any more.`;
    case 'failed':
      return `"${name}" was not written: ${error?.message} ${error?.next ?? ''} (${error?.code})`;
  }
}
