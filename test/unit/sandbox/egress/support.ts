import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import Docker from 'dockerode';
import { createLogger } from '../../../../gateway/config/index.ts';
import type { EgressRequest } from '../../../../gateway/sandbox/contract.ts';
import {
  createSandbox,
  defaultImages,
  startRunner,
  type Runner,
  type RunResult,
  type Sandbox,
} from '../../../../gateway/sandbox/index.ts';
import { FakeDns } from '../../../support/dns.ts';

/** The names that the vendor's certificate is good for. */
export const names = ['api.example.com', 'other.example.com'];

/** A vendor on the loopback, over TLS, and what reached it. */
export interface Vendor {
  port: number;
  seen: { method: string; url: string; headers: Record<string, unknown>; body: string }[];
  /** How it answers an address, where that is not what it saw. */
  answers: Map<string, (request: IncomingMessage, response: ServerResponse) => void>;
  /** How many connections to it are open. */
  connections(told: (count: number) => void): void;
  stop(): Promise<void>;
}

/** Starts a vendor whose certificate this process trusts. It answers what it saw, headers too, and `/endless` without end. */
export async function startVendor(): Promise<Vendor> {
  const seen: Vendor['seen'] = [];
  const answers: Vendor['answers'] = new Map();
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-vendor-'));
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = [
    '-subj',
    '/CN=vendor',
    '-addext',
    `subjectAltName=${names.map((name) => `DNS:${name}`).join()}`,
  ];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', keyFile, '-out', certFile, ...subject], {
    stdio: 'ignore',
  });
  const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)];
  rmSync(folder, { recursive: true });
  setDefaultCACertificates([...getCACertificates('default'), cert]);
  const server: Server = createServer({ key, cert }, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body });
      const special = answers.get(url);
      if (special) return special(request, response);
      if (url === '/endless') {
        const timer = setInterval(() => response.write('more\n'), 50);
        response.once('close', () => clearInterval(timer));
        return;
      }
      response.setHeader('alt-svc', 'h3=":443"');
      response.end(JSON.stringify({ method, url, headers, body }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    seen,
    answers,
    connections: (told) => server.getConnections((_error, count) => told(count)),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A runner with an egress proxy, the DNS that it asks, and a vendor. */
export interface World {
  docker: Docker;
  runner: Runner;
  sandbox: Sandbox;
  token: string;
  dns: FakeDns;
  vendor: Vendor;
  /** A rule for the vendor under a name. */
  rule(more?: Partial<EgressRequest>): EgressRequest;
  python(code: string, egress?: EgressRequest[], more?: object): Promise<RunResult>;
  node(code: string, egress?: EgressRequest[]): Promise<RunResult>;
  stop(): Promise<void>;
}

/** @returns undefined without Docker and the images */
export async function startWorld(warm = 1): Promise<World | undefined> {
  const docker = new Docker();
  const images = Object.values(defaultImages);
  const there = await Promise.all(images.map((name) => docker.getImage(name).inspect())).then(
    () => true,
    () => false,
  );
  if (!there && process.env.CI) throw new Error(`no Docker engine with ${images.join(', ')}`);
  if (!there) return undefined;
  const dns = await new FakeDns().start();
  for (const name of names) dns.set(name, '127.0.0.1');
  const vendor = await startVendor();
  const token = randomBytes(32).toString('hex');
  const runner = await startRunner({
    listen: { host: '127.0.0.1', port: 0 },
    token,
    images: defaultImages,
    log: createLogger('silent'),
    docker,
    warmth: { max: warm, idleMs: 60_000 },
    egress: { names: dns.lookup },
  });
  const sandbox = createSandbox({ runnerUrl: runner.url, token });
  const rule = (more: Partial<EgressRequest> = {}): EgressRequest => ({
    host: 'api.example.com',
    port: vendor.port,
    intercept: true,
    privateNetworks: ['127.0.0.0/8'],
    ...more,
  });
  return {
    ...{ docker, runner, sandbox, token, dns, vendor, rule },
    python: (code, egress = [rule()], more = {}) =>
      sandbox.run({ language: 'python', code, egress, ...more }),
    node: (code, egress = [rule()]) => sandbox.run({ language: 'javascript', code, egress }),
    async stop() {
      await runner.stop();
      await vendor.stop();
      await dns.stop();
    },
  };
}

/** A test that needs Docker; without it, it is skipped by name. */
export function live(
  world: () => World | undefined,
  name: string,
  body: (world: World) => Promise<void>,
): void {
  test(name, async (context: TestContext) => {
    const found = world();
    if (found) await body(found);
    else context.skip('NOT TESTED: no Docker engine with the sandbox images');
  });
}

/** Python that asks for an address and prints the status and the answer, also of a refusal. */
export const get = (url: string, more = ''): string => `
import urllib.request, urllib.error
request = urllib.request.Request(${JSON.stringify(url)}${more})
try:
    with urllib.request.urlopen(request, timeout=8) as answer: print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error: print(error.code, error.read().decode())
except OSError as error: print('failed', error)
`;

/** @returns the rules that refused the uses of a run */
export const refusals = ({ egress }: RunResult): (string | null)[] =>
  egress.filter(({ outcome }) => outcome === 'refused').map(({ rule }) => rule);

/** That a run was refused by one rule, told so, and that nothing reached the vendor. */
export function refused(world: World, result: RunResult, rule: string, before: number): void {
  assert.deepEqual([...new Set(refusals(result))], [rule], JSON.stringify(result));
  assert.equal(world.vendor.seen.length, before);
}
