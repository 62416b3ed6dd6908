import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, test } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { checkPorts, freePorts, readPorts } from '../../../gateway/cli/up/ports.ts';

const servers: ReturnType<typeof createServer>[] = [];
after(() => servers.forEach((server) => server.close()));

test('ports come from the caller, then the environment, then the defaults', () => {
  const ports = readPorts({ GATEHOUSE_PUBLIC_PORT: '9000', GATEHOUSE_UP_N8N_PORT: '9001' }, { public: 9100 });
  assert.deepEqual(ports, {
    public: 9100,
    internal: 8081,
    n8n: 9001,
    broker: 5679,
    postgres: 5439,
    runner: 8082,
  });
});

test('every setting that is no port is named at once', () => {
  assert.throws(
    () => readPorts({ GATEHOUSE_PUBLIC_PORT: 'eighty', GATEHOUSE_UP_POSTGRES_PORT: '70000' }),
    (error: GatehouseError) =>
      error.code === 'GH-UP-002' &&
      /GATEHOUSE_PUBLIC_PORT.*\n.*GATEHOUSE_UP_POSTGRES_PORT/.test(error.message),
  );
});

test('one port for two parts, and a setting that does not exist, are named before anything starts', () => {
  assert.throws(
    () => readPorts({ GATEHOUSE_PUBLIC_PORT: '8081', GATEHOUSE_UP_N8N_PROT: '5700' }),
    (error: GatehouseError) =>
      error.code === 'GH-UP-002' &&
      error.message.includes('GATEHOUSE_INTERNAL_PORT: 8081 is the port of pages and channels already') &&
      error.message.includes('GATEHOUSE_UP_N8N_PROT: there is no such setting'),
  );
});

test('each port in use is named, with one command that moves all of them to free ones', async () => {
  const ports = await freePorts();
  await checkPorts(ports);
  await occupy(ports.n8n, '127.0.0.1');
  await occupy(ports.postgres, '127.0.0.1');
  await assert.rejects(checkPorts(ports), (error: GatehouseError) => {
    assert.equal(error.code, 'GH-UP-003');
    assert.deepEqual(error.message.split('\n'), [
      `Port ${ports.n8n}, for n8n, is in use. GATEHOUSE_UP_N8N_PORT moves it.`,
      `Port ${ports.postgres}, for Postgres, is in use. GATEHOUSE_UP_POSTGRES_PORT moves it.`,
    ]);
    const command =
      /start with:\n {2}GATEHOUSE_UP_N8N_PORT=(\d+) \\\n {2}GATEHOUSE_UP_POSTGRES_PORT=(\d+) npm start$/;
    const [, n8n, postgres] = command.exec(error.next ?? '') ?? assert.fail(error.next);
    assert.ok(![ports.n8n, ports.postgres].includes(Number(n8n)) && n8n !== postgres);
    return true;
  });
});

test('a stranger on the IPv6 loopback is noticed: browsers would take localhost for it', async (t) => {
  const ports = await freePorts();
  if (!(await occupy(ports.public, '::1'))) return t.skip('no IPv6 here');
  await assert.rejects(checkPorts(ports), { code: 'GH-UP-003' });
});

/** @returns whether the machine has such an address */
async function occupy(port: number, host: string): Promise<boolean> {
  const server = createServer().listen(port, host);
  servers.push(server);
  return new Promise((resolve) => {
    server.once('listening', () => resolve(true));
    server.once('error', () => resolve(false));
  });
}
