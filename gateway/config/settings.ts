import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { GatehouseError } from './errors.ts';
import { sharedWith } from './folders.ts';

const port = z.coerce.number().int().min(1).max(65535);
const seconds = z.coerce.number().int().positive();
const repository = resolve(import.meta.dirname, '../..');

const environmentName = (key: string): string =>
  `GATEHOUSE_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/** Every setting, its type and default. The environment name of `publicPort` is `GATEHOUSE_PUBLIC_PORT`. */
const SettingsSchema = z.strictObject({
  databaseUrl: z.url({ protocol: /^postgres(ql)?$/ }).describe('Postgres of the gateway'),
  dataDir: z
    .string()
    .default(join(repository, '.gatehouse'))
    .describe('keys, receipt heads, the secret store'),
  policiesDir: z.string().default(join(repository, 'policies')).describe('tools, people, rules'),
  shadowPoliciesDir: z
    .string()
    .optional()
    .describe('a candidate policies folder or bundle that decides beside the one in force, without effect'),
  keyFile: z.string().optional().describe('32-byte key of the secret store, made in dataDir when absent'),
  passphraseFile: z
    .string()
    .optional()
    .describe('file whose first line is a passphrase that opens the secret store instead of a key'),
  filesDir: z
    .string()
    .regex(/^\//, 'is no absolute path')
    .optional()
    .describe('the folder of the files tools; apart from dataDir, policiesDir and the program'),
  publicHost: z.string().default('127.0.0.1'),
  publicPort: port.default(8080),
  publicUrl: z
    .url()
    .optional()
    .describe('what people and vendors see; http://localhost:<publicPort> when absent'),
  internalHost: z.string().default('127.0.0.1'),
  internalPort: port.default(8081),
  internalUrl: z.url().optional().describe('how n8n reaches the internal listener'),
  n8nUrl: z.url().default('http://127.0.0.1:5678').describe('base URL of n8n, never a public one'),
  n8nDatabaseUrl: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe('Postgres of n8n, read only: cancelled executions are noticed at once'),
  n8nWebhookPath: z.string().default('gatehouse-chat').describe('path of the webhook that takes envelopes'),
  n8nInflight: z.coerce.number().int().min(1).max(1000).default(10).describe('runs that execute at once'),
  runLeaseSeconds: seconds.default(120).describe('a run silent for longer is dispatched again'),
  runMaxDispatches: z.coerce.number().int().min(1).max(20).default(4),
  runCallBudget: z.coerce.number().int().min(1).default(50).describe('API calls one run may make'),
  approvalSeconds: seconds.default(3600).describe('how long an approval stays open'),
  decisionSeconds: seconds.default(300).describe('how long an allowed call may wait for its execution'),
  rawRetentionHours: seconds.default(72).describe('raw vendor payloads'),
  textRetentionHours: seconds.default(720).describe('message text and call arguments'),
  flowGuard: z
    .enum(['off', 'warn', 'enforce'])
    .default('enforce')
    .describe('what becomes of a workflow that is published with a risky node which no gate governs'),
  slackMode: z.enum(['off', 'socket', 'events']).default('off'),
  slackApiUrl: z.url().default('https://slack.com/api/'),
  telegramMode: z.enum(['off', 'polling', 'webhook']).default('off'),
  telegramApiRoot: z.url().default('https://api.telegram.org'),
  environment: z
    .enum(['development', 'staging', 'production'])
    .default('production')
    .describe('what the rules are told; production is the strictest'),
  demo: z.stringbool().default(false).describe('demo accounts and demo systems of record'),
  opaUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('an OPA beside the gateway that decides; without it the rules run in the gateway'),
  runnerUrl: z
    .url()
    .optional()
    .describe('the sandbox runner; code tools answer sandbox_unavailable without it'),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

/** Every setting: its key in `Settings`, its name in the environment, and what it is where the name does not say it. */
export const settingNames = Object.entries(SettingsSchema.shape).map(([key, schema]) => ({
  key: key as keyof Settings,
  name: environmentName(key),
  description: schema.description ?? '',
}));

/** The validated settings of one process. */
export type Settings = z.output<typeof SettingsSchema> & { publicUrl: string; internalUrl: string };

/**
 * Reads `GATEHOUSE_*` (each also as `GATEHOUSE_*_FILE`, whose file holds the value) and validates all of them.
 * @param environment usually `process.env`
 * @throws GatehouseError `GH-CONFIG-001` that lists every wrong or unknown setting by its environment name
 */
export function loadSettings(environment: NodeJS.ProcessEnv): Settings {
  const { values, problems } = collect(environment);
  const parsed = SettingsSchema.safeParse(values);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      problems.push(`${environmentName(String(issue.path[0] ?? ''))}: ${issue.message}`);
    }
  }
  const shared = parsed.data?.filesDir && sharedWith(parsed.data.filesDir, reservedFolders(parsed.data));
  if (shared) problems.push(`GATEHOUSE_FILES_DIR: shares files with ${shared}, which no tool may reach`);
  if (!parsed.success || problems.length > 0) {
    throw new GatehouseError('GH-CONFIG-001', `The settings are not usable:\n  ${problems.join('\n  ')}`, {
      status: 500,
      next: 'Correct the settings named above and start again.',
    });
  }
  const settings = parsed.data;
  return {
    ...settings,
    keyFile: settings.keyFile && atHome(settings.keyFile),
    passphraseFile: settings.passphraseFile && atHome(settings.passphraseFile),
    publicUrl: (settings.publicUrl ?? `http://localhost:${settings.publicPort}`).replace(/\/$/, ''),
    internalUrl: (settings.internalUrl ?? `http://127.0.0.1:${settings.internalPort}`).replace(/\/$/, ''),
  };
}

const atHome = (path: string): string => path.replace(/^~(?=\/)/, homedir());

/** The folders that no tool may reach: policies, keys and the program itself. */
export function reservedFolders(
  settings: Pick<Settings, 'policiesDir' | 'dataDir' | 'keyFile' | 'shadowPoliciesDir'>,
): string[] {
  const { policiesDir, dataDir, keyFile, shadowPoliciesDir } = settings;
  return [
    policiesDir,
    dataDir,
    repository,
    ...(keyFile === undefined ? [] : [dirname(atHome(keyFile))]),
    ...(shadowPoliciesDir === undefined ? [] : [shadowPoliciesDir]),
  ];
}

function collect(environment: NodeJS.ProcessEnv): { values: Record<string, string>; problems: string[] } {
  const values: Record<string, string> = {};
  const problems: string[] = [];
  const known = new Map(Object.keys(SettingsSchema.shape).map((key) => [environmentName(key), key]));
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('GATEHOUSE_') || value === undefined || value === '') continue;
    const direct = known.get(name);
    const fromFile = known.get(name.replace(/_FILE$/, ''));
    if (direct !== undefined) values[direct] = value;
    else if (name.endsWith('_FILE') && fromFile !== undefined) {
      try {
        values[fromFile] = readFileSync(value, 'utf8').trim();
      } catch {
        problems.push(`${name}: the file ${value} cannot be read`);
      }
    } else if (!name.startsWith('GATEHOUSE_TEST_')) problems.push(`${name}: there is no such setting`);
  }
  return { values, problems };
}
