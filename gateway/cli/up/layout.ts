import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';

/** The repository: where the sources, policies and workflows lie. */
export const repository = resolve(import.meta.dirname, '../../..');

/** Where one stack keeps everything it writes. */
export interface Layout {
  /** keys, secrets, logs, n8n's user folder; `.gatehouse/` of the repository by default */
  dir: string;
  /** Postgres data; elsewhere when root, because Postgres then runs as another user who cannot read a private home */
  postgres: string;
  logs: string;
  /** `N8N_USER_FOLDER`; n8n itself makes `.n8n` inside */
  n8n: string;
  lock: string;
  processes: string;
  state: string;
  owner: string;
  /** settings of the stack that was last ready here, for the other commands */
  running: string;
}

/**
 * @param dir the stack's folder
 * @param root whether this process runs as root
 */
export function layout(dir: string, root = process.getuid?.() === 0): Layout {
  const path = resolve(dir);
  const key = createHash('sha256').update(path).digest('hex').slice(0, 12);
  return {
    dir: path,
    postgres: root ? join('/var/lib/gatehouse', key) : join(path, 'postgres'),
    logs: join(path, 'logs'),
    n8n: join(path, 'n8n'),
    lock: join(path, 'up.lock'),
    processes: join(path, 'processes.json'),
    state: join(path, 'up.json'),
    owner: join(path, 'n8n-owner.json'),
    running: join(path, 'running.json'),
  };
}

/** Where the stack of this repository lives: `GATEHOUSE_UP_DIR`, else `.gatehouse/` in the repository. */
export function defaultDir(environment: NodeJS.ProcessEnv = process.env): string {
  return resolve(environment.GATEHOUSE_UP_DIR ?? join(repository, '.gatehouse'));
}
