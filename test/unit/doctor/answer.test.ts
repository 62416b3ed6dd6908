import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { answerOf, placeOf } from '../../../gateway/doctor/answer.ts';

test('a runner on a Unix socket is asked there, and named by its path', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-doctor-'));
  const socket = join(folder, 'runner.sock');
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/healthz' ? 200 : 404).end();
  }).listen(socket);
  await once(server, 'listening');
  try {
    assert.deepEqual(await answerOf(`unix:${socket}`), { status: 200 });
    assert.equal(placeOf(`unix:${socket}`), `unix:${socket}`);
  } finally {
    server.close();
    await once(server, 'close');
    rmSync(folder, { recursive: true });
  }
  assert.deepEqual(await answerOf(`unix:${socket}`), { unreachable: 'ENOENT' });
});

test('one behind an address is asked there', async () => {
  const server = createServer((_request, response) => response.writeHead(503).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  assert.deepEqual(await answerOf(`http://127.0.0.1:${port}`), { status: 503 });
  server.close();
  await once(server, 'close');
  assert.equal(placeOf('http://127.0.0.1:8082/'), 'http://127.0.0.1:8082');
});
