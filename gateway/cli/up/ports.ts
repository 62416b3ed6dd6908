import { createServer, type Server } from 'node:net';
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
const keys = Object.keys(settings) as (keyof Ports)[];

/** Settings of `gatehouse up` that are no port. */
const otherSettings = ['GATEHOUSE_UP_DIR'];

/**
 * The ports to use: what the caller gives, else the environment, else the defaults.
 * @throws GatehouseError `GH-UP-002` naming each setting that is no port, that another one uses too, or that does not
 *   exist
 */
export function readPorts(environment: NodeJS.ProcessEnv, given: Partial<Ports> = {}): Ports {
  const problems: string[] = [];
  const ports = {} as Ports;
  for (const key of keys) {
    const text = environment[settings[key].name];
    const value = given[key] ?? (text ? Number(text) : settings[key].value);
    if (!Number.isInteger(value) || value < 1 || value > 65535) {
      problems.push(`${settings[key].name}: ${text} is not a port`);
    }
    const same = keys.find((other) => ports[other] === value);
    if (same) problems.push(`${settings[key].name}: ${value} is the port of ${settings[same].what} already`);
    ports[key] = value;
  }
  const known = new Set([...otherSettings, ...Object.values(settings).map(({ name }) => name)]);
  for (const name of Object.keys(environment).filter((name) => name.startsWith('GATEHOUSE_UP_'))) {
    if (!known.has(name)) problems.push(`${name}: there is no such setting`);
  }
  if (problems.length > 0) {
    throw new GatehouseError('GH-UP-002', problems.join('\n'), {
      next: 'Give each its own number from 1 to 65535; npx gatehouse up --help names the settings.',
    });
  }
  return ports;
}

/**
 * Looks whether all ports are free before anything is started.
 * @param patienceMs how long a port may take to become free, where a process was ended just before: the kernel closes
 *   its sockets a moment after it is gone
 * @throws GatehouseError `GH-UP-003` naming every port in use, and the command that moves all of them
 */
export async function checkPorts(ports: Partial<Ports>, patienceMs = 0): Promise<void> {
  const until = Date.now() + patienceMs;
  const busy: string[] = [];
  const moves: string[] = [];
  const taken = new Set(Object.values(ports));
  for (const key of keys) {
    const port = ports[key];
    if (port === undefined) continue;
    let isFree = await free(port);
    while (!isFree && Date.now() < until) {
      await sleep(100);
      isFree = await free(port);
    }
    if (isFree) continue;
    const { name, what } = settings[key];
    const other = await freeNear(port, taken);
    taken.add(other);
    busy.push(`Port ${port}, for ${what}, is in use. ${name} moves it.`);
    moves.push(`${name}=${other}`);
  }
  if (busy.length > 0) {
    throw new GatehouseError('GH-UP-003', busy.join('\n'), {
      status: 409,
      next: `Stop what uses ${busy.length > 1 ? 'them' : 'it'}, or start with:\n  ${moves.join(' \\\n  ')} npm start`,
    });
  }
}

/** A free port some hundreds away, where a person recognises it. */
async function freeNear(port: number, taken: Set<number>): Promise<number> {
  const step = port < 60_000 ? 100 : -100;
  for (let other = port + step; ; other += step) if (!taken.has(other) && (await free(other))) return other;
}

/** Free ports for a stack of its own, as tests need. */
export async function freePorts(): Promise<Ports> {
  const servers = (await Promise.all(keys.map(() => listenOn(0)))) as Server[];
  const numbers = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return Object.fromEntries(keys.map((key, index) => [key, numbers[index]])) as unknown as Ports;
}

async function free(port: number): Promise<boolean> {
  // Browsers take `localhost` for ::1 first: what listens there would get the people who follow our links.
  for (const host of ['127.0.0.1', '::1']) {
    const server = await listenOn(port, host);
    if (server === 'busy') return false;
    if (server) await new Promise((done) => server.close(done));
  }
  return true;
}

/** @returns 'busy', or undefined where the machine has no such address */
function listenOn(port: number, host = '127.0.0.1'): Promise<Server | 'busy' | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      // EACCES is a port below 1024 without the right to it: the same remedy helps.
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve('busy');
      else if (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT') resolve(undefined);
      else reject(error);
    });
    server.listen(port, host, () => resolve(server));
  });
}
