import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findVault } from './vault-build.ts';

const program = await findVault();
/** Why suites that need a real Vault are skipped; false where there is one. */
export const withoutVault =
  program === undefined ? 'there is no Vault; npm test builds it where there is Go' : false;

/** A real Vault with storage in a file, so that it can be sealed, killed and started again. */
export interface VaultServer {
  address: string;
  root: string;
  /** A request with the root token, or with another one. @returns the JSON of the answer @throws for what is not 2xx */
  call: (method: string, path: string, body?: object, token?: string) => Promise<VaultAnswer>;
  /** An AppRole with these policies, and a secret id for it. */
  appRole(name: string, policies: Record<string, string>, options?: object): Promise<AppRole>;
  seal(): Promise<void>;
  unseal(): Promise<void>;
  /** As a crash does. */
  kill(): Promise<void>;
  /** Starts it again on the same address, unsealed. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What of its answers tests look at. */
export interface VaultAnswer {
  data: Record<string, unknown>;
  auth: { client_token: string; accessor: string };
  wrap_info: { token: string };
  lease_id: string;
}

export interface AppRole {
  roleId: string;
  secretId: string;
  /** Another secret id, response-wrapped. @returns the wrapping token */
  wrapped: () => Promise<string>;
}

/** Starts a Vault of its own: KV version 2 at `secret`, AppRole and the database engine are on. */
export async function startVault(): Promise<VaultServer> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-vault-server-'));
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const config = join(folder, 'config.json');
  await writeFile(
    config,
    JSON.stringify({
      storage: { file: { path: join(folder, 'data') } },
      listener: { tcp: { address: `127.0.0.1:${port}`, tls_disable: true } },
      disable_mlock: true,
      api_addr: address,
    }),
  );
  let child: ChildProcess;
  let root = '';
  let key = '';
  const call = async (method: string, path: string, body?: object, token = root): Promise<VaultAnswer> => {
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      headers: { 'x-vault-token': token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as VaultAnswer;
  };
  const unseal = async (): Promise<void> => {
    await call('POST', 'sys/unseal', { key });
    // Unsealed is not yet active: it may still load its mounts.
    await until(async () => (await fetch(`${address}/v1/sys/health`)).status === 200);
  };
  const launch = async (): Promise<void> => {
    child = spawn(program ?? 'vault', ['server', `-config=${config}`], { stdio: 'ignore' });
    await until(async () => (await fetch(`${address}/v1/sys/health`)).status > 0, child);
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };

  await launch();
  const init = (await call('POST', 'sys/init', { secret_shares: 1, secret_threshold: 1 })) as unknown as {
    keys: string[];
    root_token: string;
  };
  root = init.root_token;
  key = init.keys[0] ?? '';
  await unseal();
  await call('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } });
  await call('POST', 'sys/mounts/database', { type: 'database' });
  await call('POST', 'sys/auth/approle', { type: 'approle' });
  // A KV engine upgrades itself in the background right after it was mounted.
  await until(async () =>
    call('GET', 'secret/config').then(
      () => true,
      () => false,
    ),
  );

  return {
    address,
    get root() {
      return root;
    },
    call,
    unseal,
    kill,
    async appRole(name, policies, options = {}) {
      for (const [policy, hcl] of Object.entries(policies))
        await call('PUT', `sys/policies/acl/${policy}`, { policy: hcl });
      await call('POST', `auth/approle/role/${name}`, {
        token_policies: Object.keys(policies),
        token_no_default_policy: true,
        ...options,
      });
      const { data: role } = await call('GET', `auth/approle/role/${name}/role-id`);
      const { data: secret } = await call('POST', `auth/approle/role/${name}/secret-id`, {});
      return {
        roleId: String(role.role_id),
        secretId: String(secret.secret_id),
        async wrapped() {
          const response = await fetch(`${address}/v1/auth/approle/role/${name}/secret-id`, {
            method: 'POST',
            headers: { 'x-vault-token': root, 'x-vault-wrap-ttl': '120s' },
          });
          return ((await response.json()) as VaultAnswer).wrap_info.token;
        },
      };
    },
    seal: async () => void (await call('PUT', 'sys/seal')),
    async start() {
      await launch();
      await unseal();
    },
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits up to 20 seconds for something to hold; an error is a not yet. */
export async function until(holds: () => Promise<boolean>, child?: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await holds().catch(() => false)) return;
    if (child && child.exitCode !== null) break;
    await wait(50);
  }
  throw new Error('it did not come true in 20 seconds');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
