import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createLogger, type Logger } from '../../../gateway/config/index.ts';
import { createSecretStore, openSecrets, type Secrets } from '../../../gateway/vault/index.ts';
import type { AppRole } from '../../support/vault-server.ts';

/** A gateway's stores over one Vault. */
export interface Opened {
  secrets: Secrets;
  dataDir: string;
  /** Accessors of the sessions that were opened, in order. */
  sessions: string[];
  logged: () => string;
  close(): Promise<void>;
}

/**
 * Opens a data folder with `secrets.yaml` for one Vault, called `corp`.
 * @param options.store more of the store's entry, as YAML flow
 * @param options.secretId put into the own store; none when null
 */
export async function openCorp(options: {
  address: string;
  role: Pick<AppRole, 'roleId'>;
  secretId?: string | null;
  appRole?: string;
  store?: string;
  secrets: string[];
  remember?: (store: string, accessor: string) => Promise<void>;
}): Promise<Opened> {
  const dataDir = await mkdtemp(join(tmpdir(), 'gatehouse-corp-'));
  const { address, role, secretId = null, appRole = '', store = '' } = options;
  await writeFile(
    join(dataDir, 'secrets.yaml'),
    `stores:\n  corp: { kind: vault, address: '${address}', appRole: { roleId: ${role.roleId}${appRole} }${store} }\nsecrets:\n${options.secrets.map((entry) => `  - ${entry}\n`).join('')}`,
  );
  if (secretId !== null) await createSecretStore({ dataDir }).set('stores/corp/secret-id', secretId);
  const sessions: string[] = [];
  const { log, logged } = recorded();
  const secrets = await openSecrets({
    dataDir,
    policiesDir: dataDir,
    production: true,
    log,
    async remember(name, accessor) {
      sessions.push(accessor);
      await options.remember?.(name, accessor);
    },
  });
  return {
    secrets,
    dataDir,
    sessions,
    logged,
    async close() {
      await secrets.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

function recorded(): { log: Logger; logged: () => string } {
  let lines = '';
  const to = new Writable({
    write(chunk, _encoding, done) {
      lines += String(chunk);
      done();
    },
  });
  return { log: createLogger('debug', 'test', to), logged: () => lines };
}

/** What stands between a gateway and its Vault. */
export interface Between {
  address: string;
  /** Headers of what came through, in order. */
  seen: IncomingHttpHeaders[];
  /** Answers with this instead of passing it on: null passes. */
  answer: null | { status: number; headers?: Record<string, string>; body?: string };
  delayMs: number;
  stop(): Promise<void>;
}

/** A proxy that can be slow, or answer in the Vault's place. */
export async function between(target: string): Promise<Between> {
  const server = createServer((request, response) => {
    void (async () => {
      proxy.seen.push(request.headers);
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      await new Promise((resolve) => setTimeout(resolve, proxy.delayMs));
      if (proxy.answer) {
        response.writeHead(proxy.answer.status, proxy.answer.headers);
        return response.end(proxy.answer.body);
      }
      const { host: _host, connection: _connection, ...headers } = request.headers;
      const answer = await fetch(new URL(request.url ?? '/', target), {
        method: request.method ?? 'GET',
        headers: headers as Record<string, string>,
        ...(parts.length === 0 ? {} : { body: Buffer.concat(parts) }),
      });
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      return response.end(await answer.text());
    })().catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: Between = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    answer: null,
    delayMs: 0,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}
