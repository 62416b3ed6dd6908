import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The HashiCorp Vault that tests run against. Its licence (BUSL) allows that; it is no part of what is shipped. */
export const vaultVersion = '1.21.4';
const source = `github.com/hashicorp/vault@v${vaultVersion}`;
/** Go's checksum of its source (https://go.dev/ref/mod#go-sum-files): whatever mirror Go asks, nothing else is built. */
const sourceSum = 'h1:KHGcdSnJtombvae1gDk+jZ50kiFngJPFDOvcCJRnU0c=';

const folder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gatehouse', `vault-${vaultVersion}`);

/** @returns the path of the pinned Vault; undefined where this machine has none */
export async function findVault(): Promise<string | undefined> {
  for (const candidate of [join(folder(), 'vault'), 'vault']) {
    const { stdout } = await run(candidate, ['version']).catch(() => ({ stdout: '' }));
    // One that was built here says when: "Vault v1.21.4, built 2026-11-01T10:00:00Z (cgo)".
    if (/^Vault v(\d+\.\d+\.\d+)[,\s]/.exec(stdout)?.[1] === vaultVersion) return candidate;
  }
  return undefined;
}

/** What the release's own source needs to be built with the libraries that were published for it, which are newer. */
const edits: { file: string; from: string; to: string }[] = [
  {
    file: 'vault/identity_store_util.go',
    from: 'activateDeduplication(ctx context.Context, req *logical.Request)',
    to: 'activateDeduplication(ctx context.Context, req *logical.Request, _ string)',
  },
  {
    file: 'vault/logical_system_activation_flags.go',
    from: 'ActivationFunc(ctx, nil)',
    to: 'ActivationFunc(ctx, nil, "")',
  },
  {
    file: 'builtin/logical/transit/path_restore.go',
    from: 'restoredKeyName, err := b.lm.RestorePolicy(',
    to: 'restoredKeyName, err := keyName, b.lm.RestorePolicy(',
  },
];

/**
 * Lets Go build the pinned Vault: 10 to 20 minutes, once for this user. It is built beside its place and renamed when it is
 * whole.
 * @param note told every half a minute what it is at
 * @returns its path
 * @throws Error where Go cannot build it, or the source is another
 */
export async function installVault(note: (text: string) => void): Promise<string> {
  await mkdir(folder(), { recursive: true });
  const work = await mkdtemp(join(folder(), 'build-'));
  let at = 'Go loads the source of Vault';
  const timer = setInterval(() => note(at), 30_000);
  const go = (...parameters: string[]): Promise<{ stdout: string }> =>
    run('nice', ['-n', '10', 'go', ...parameters], {
      cwd: work,
      env: { ...process.env, GOFLAGS: '-mod=mod' },
      maxBuffer: 64 * 1024 * 1024,
    });
  try {
    const { stdout } = await go('mod', 'download', '-json', source);
    if ((JSON.parse(stdout) as { Sum?: string }).Sum !== sourceSum)
      throw new Error(`the source of Vault ${vaultVersion} has another checksum than it should have`);
    await go('mod', 'init', 'vault-for-tests');
    await go('get', '-tool', source);
    at = 'Go collects what Vault needs';
    await go('mod', 'vendor');
    for (const edit of edits) await change(join(work, 'vendor/github.com/hashicorp/vault', edit.file), edit);
    at = 'Go builds Vault';
    await go('build', '-mod=vendor', '-ldflags=-s -w', '-o', 'vault', 'github.com/hashicorp/vault');
    await rename(join(work, 'vault'), join(folder(), 'vault'));
  } finally {
    clearInterval(timer);
    await rm(work, { recursive: true, force: true });
  }
  return join(folder(), 'vault');
}

async function change(file: string, { from, to }: { from: string; to: string }): Promise<void> {
  const text = await readFile(file, 'utf8');
  if (!text.includes(from)) throw new Error(`${file} is not what it was`);
  await writeFile(
    file,
    text.replace(from, () => to),
  );
}
