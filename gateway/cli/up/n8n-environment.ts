import { join } from 'node:path';
import { proxySettings } from './proxy.ts';
import { repository } from './layout.ts';

/** What n8n needs to know of the stack it is part of. */
export interface N8nOptions {
  /** folder that holds `node_modules/n8n` */
  program: string;
  userFolder: string;
  port: number;
  brokerPort: number;
  postgres: { port: number; password: string };
  keys: { encryptionKey: string; hmacSecret: string; jwtSecret: string };
  owner: { email: string; passwordHash: string } | undefined;
  /** what people see; n8n builds its form and resume links from it */
  publicUrl: string;
  /** file with the secret fields of our credential types; see credentials/ */
  credentialsOverwrite: string | undefined;
  /** the hook that looks at workflows before they are published, or undefined to leave it out */
  flowGuard: { file: string; mode: string; policiesDir: string } | undefined;
  log: string;
  /** the environment that the user's own settings for n8n come from */
  user: NodeJS.ProcessEnv;
  /** ends a command of n8n that is under way */
  signal?: AbortSignal | undefined;
}

/** Nothing calls home: each of these is a request that a stock n8n makes by itself. */
const privacy = {
  N8N_DIAGNOSTICS_ENABLED: 'false',
  N8N_DIAGNOSTICS_CONFIG_FRONTEND: '',
  N8N_DIAGNOSTICS_CONFIG_BACKEND: '',
  N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
  N8N_VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED: 'false',
  N8N_DYNAMIC_BANNERS_ENABLED: 'false',
  N8N_TEMPLATES_ENABLED: 'false',
  N8N_HIRING_BANNER_ENABLED: 'false',
  N8N_PERSONALIZATION_ENABLED: 'false',
  N8N_LICENSE_AUTO_RENEW_ENABLED: 'false',
  N8N_AI_ENABLED: 'false',
  N8N_AI_GATEWAY_ENABLED: 'false',
  N8N_VERIFIED_PACKAGES_ENABLED: 'false',
  N8N_DISABLED_MODULES: 'mcp-registry',
  EXTERNAL_FRONTEND_HOOKS_URLS: '',
};

/** Where n8n's defaults cost most of its speed; the reasons are in docs/benchmarks.md. */
const speed = {
  N8N_EXPRESSION_ENGINE_LAZY_ACQUIRE: 'true',
  N8N_EXPRESSION_ENGINE_COMPILE_CACHE: 'true',
  N8N_EXPRESSION_ENGINE_OBSERVABILITY_ENABLED: 'false',
  DB_POSTGRESDB_POOL_SIZE: '10',
};

/** Message text lives in execution rows; a finished run's row goes within minutes, a failed one's within a day. */
const retention = {
  EXECUTIONS_DATA_SAVE_ON_SUCCESS: 'none',
  EXECUTIONS_DATA_SAVE_ON_PROGRESS: 'false',
  EXECUTIONS_DATA_MAX_AGE: '24',
  EXECUTIONS_DATA_HARD_DELETE_BUFFER: '0',
  EXECUTIONS_DATA_PRUNE_SOFT_DELETE_INTERVAL: '10',
  EXECUTIONS_DATA_PRUNE_HARD_DELETE_INTERVAL: '1',
};

const hardening = {
  N8N_BLOCK_ENV_ACCESS_IN_NODE: 'true',
  N8N_ENFORCE_SETTINGS_FILE_PERMISSIONS: 'true',
  N8N_UNVERIFIED_PACKAGES_ENABLED: 'true',
  N8N_PUBLIC_API_SWAGGERUI_DISABLED: 'true',
};

/**
 * The environment of n8n and its commands. What the user set for n8n wins over tuning, never over what ties n8n to
 * this stack.
 */
export function n8nEnvironment(options: N8nOptions): NodeJS.ProcessEnv {
  const { user } = options;
  const fromUser = Object.fromEntries(
    Object.entries(user).filter(([name]) =>
      /^(N8N_|EXECUTIONS_|DB_POSTGRESDB_POOL_SIZE$|GENERIC_TIMEZONE$|NODES_)/.test(name),
    ),
  );
  return {
    PATH: user.PATH,
    HOME: user.HOME,
    TZ: user.TZ,
    LANG: user.LANG,
    TMPDIR: user.TMPDIR,
    ...proxySettings(user),
    ...privacy,
    ...speed,
    ...retention,
    ...hardening,
    GENERIC_TIMEZONE: user.TZ || 'UTC',
    N8N_CONCURRENCY_PRODUCTION_LIMIT: '40',
    N8N_GRACEFUL_SHUTDOWN_TIMEOUT: '3',
    N8N_LOG_LEVEL: 'info',
    ...fromUser,
    NODE_ENV: 'production',
    ...hooks(options.flowGuard),
    N8N_USER_FOLDER: options.userFolder,
    N8N_LISTEN_ADDRESS: '127.0.0.1',
    N8N_PORT: String(options.port),
    N8N_RUNNERS_BROKER_PORT: String(options.brokerPort),
    N8N_WEBHOOK_URL: `${options.publicUrl}/`,
    N8N_EDITOR_BASE_URL: `${editorUrl(options.publicUrl, options.port)}/`,
    // The editor is reached over plain HTTP on loopback only.
    N8N_SECURE_COOKIE: 'false',
    N8N_ENCRYPTION_KEY: options.keys.encryptionKey,
    N8N_HMAC_SIGNATURE_SECRET: options.keys.hmacSecret,
    N8N_USER_MANAGEMENT_JWT_SECRET: options.keys.jwtSecret,
    DB_TYPE: 'postgresdb',
    DB_POSTGRESDB_HOST: '127.0.0.1',
    DB_POSTGRESDB_PORT: String(options.postgres.port),
    DB_POSTGRESDB_DATABASE: 'n8n',
    DB_POSTGRESDB_USER: 'n8n',
    DB_POSTGRESDB_PASSWORD: options.postgres.password,
    ...(options.credentialsOverwrite
      ? { CREDENTIALS_OVERWRITE_DATA_FILE: options.credentialsOverwrite }
      : {}),
    ...(options.owner
      ? {
          N8N_INSTANCE_OWNER_MANAGED_BY_ENV: 'true',
          N8N_INSTANCE_OWNER_EMAIL: options.owner.email,
          N8N_INSTANCE_OWNER_FIRST_NAME: 'Gatehouse',
          N8N_INSTANCE_OWNER_LAST_NAME: 'Owner',
          N8N_INSTANCE_OWNER_PASSWORD_HASH: options.owner.passwordHash,
        }
      : {}),
  };
}

function hooks(guard: N8nOptions['flowGuard']): NodeJS.ProcessEnv {
  const files = [join(repository, 'docker/n8n/quiet-errors.cjs'), ...(guard ? [guard.file] : [])];
  return {
    EXTERNAL_HOOK_FILES: files.join(';'),
    EXTERNAL_HOOK_FILES_SEPARATOR: ';',
    ...(guard ? { GATEHOUSE_FLOW_GUARD: guard.mode, GATEHOUSE_POLICIES_DIR: guard.policiesDir } : {}),
  };
}

/**
 * Where the editor is reached: on this machine, under another name than the pages have. A browser sends cookies to every
 * port of a host, so n8n would be handed the session of each approver who looks at a workflow.
 */
export function editorUrl(publicUrl: string, port: number): string {
  return `http://${new URL(publicUrl).hostname === '127.0.0.1' ? 'localhost' : '127.0.0.1'}:${port}`;
}

/** The program that runs n8n's commands. */
export function n8nProgram(options: Pick<N8nOptions, 'program'>): string {
  return join(options.program, 'node_modules/n8n/bin/n8n');
}
