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

test('a port in use is named with the setting that moves it', async () => {
  const ports = await freePorts();
  await checkPorts(ports);
  const server = createServer().listen(ports.n8n, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  await assert.rejects(checkPorts(ports), (error: GatehouseError) => {
    assert.equal(error.code, 'GH-UP-003');
    assert.match(
      error.message,
      new RegExp(`Port ${ports.n8n}, for n8n, is in use.*GATEHOUSE_UP_N8N_PORT=\\d+ npm start`),
    );
    return error.message.split('\n').length === 1;
  });
});
