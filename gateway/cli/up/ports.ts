import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatehouseError } from '../../config/index.ts';

/** The TCP ports of one stack, all on loopback unless the public listener is told otherwise. */
export interface Ports {
  public: number;
  internal: number;
  n8n: number;
  /** n8n's broker for its task runners */
  broker: number;
  postgres: number;
  /** the sandbox runner, where there is Docker */
  runner: number;
}

const settings: Record<keyof Ports, { name: string; what: string; value: number }> = {
  public: { name: 'GATEHOUSE_PUBLIC_PORT', what: 'pages and channels', value: 8080 },
  internal: { name: 'GATEHOUSE_INTERNAL_PORT', what: 'the internal API', value: 8081 },
  n8n: { name: 'GATEHOUSE_UP_N8N_PORT', what: 'n8n', value: 5678 },
  broker: { name: 'GATEHOUSE_UP_N8N_BROKER_PORT', what: "n8n's task broker", value: 5679 },
  postgres: { name: 'GATEHOUSE_UP_POSTGRES_PORT', what: 'Postgres', value: 5439 },
  runner: { name: 'GATEHOUSE_UP_RUNNER_PORT', what: 'the sandbox runner', value: 8082 },
};

/**
 * The ports to use: what the caller gives, else the environment, else the defaults.
 * @throws GatehouseError `GH-UP-002` naming each setting that is no port
 */
export function readPorts(environment: NodeJS.ProcessEnv, given: Partial<Ports> = {}): Ports {
  const problems: string[] = [];
  const ports = {} as Ports;
  for (const key of Object.keys(settings) as (keyof Ports)[]) {
    const text = environment[settings[key].name];
    const value = given[key] ?? (text ? Number(text) : settings[key].value);
    if (!Number.isInteger(value) || value < 1 || value > 65535) {
      problems.push(`${settings[key].name}: ${text} is not a port`);
    }
    ports[key] = value;
  }
  if (problems.length > 0) {
    throw new GatehouseError('GH-UP-002', problems.join('\n'), { next: 'Use numbers from 1 to 65535.' });
  }
  return ports;
}

/**
 * Looks whether all ports are free before anything is started.
 * @param patienceMs how long a port may take to become free, where a process was ended just before: the kernel closes
 *   its sockets a moment after it is gone
 * @throws GatehouseError `GH-UP-003` naming every port in use and the setting that moves it
 */
export async function checkPorts(ports: Ports, patienceMs = 0): Promise<void> {
  const until = Date.now() + patienceMs;
  const busy: string[] = [];
  for (const key of Object.keys(settings) as (keyof Ports)[]) {
    let isFree = await free(ports[key]);
    while (!isFree && Date.now() < until) {
      await sleep(100);
      isFree = await free(ports[key]);
    }
    if (!isFree) {
      const { name, what } = settings[key];
      const other = ports[key] < 65000 ? ports[key] + 100 : ports[key] - 100;
      busy.push(`Port ${ports[key]}, for ${what}, is in use. To move it: ${name}=${other} npm start`);
    }
  }
  if (busy.length > 0) {
    throw new GatehouseError('GH-UP-003', busy.join('\n'), {
      status: 409,
      next: 'Stop what uses the ports, or move them as shown.',
    });
  }
}

/** Free ports for a stack of its own, as tests need. */
export async function freePorts(): Promise<Ports> {
  const servers = await Promise.all(Object.keys(settings).map(() => listenOn(0)));
  const numbers = servers.map((server) => (server?.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server?.close(done))));
  return Object.fromEntries(
    Object.keys(settings).map((key, index) => [key, numbers[index]]),
  ) as unknown as Ports;
}

async function free(port: number): Promise<boolean> {
  const server = await listenOn(port);
  if (!server) return false;
  await new Promise((done) => server.close(done));
  return true;
}

function listenOn(port: number): Promise<ReturnType<typeof createServer> | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      // EACCES is a port below 1024 without the right to it: the same remedy helps.
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
