import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { attach } from '../../../../gateway/sandbox/egress/attach.ts';
import { defaultImages } from '../../../../gateway/sandbox/index.ts';
import { live as liveIn, startWorld, type World } from './support.ts';

let world: World | undefined;
before(async () => (world = await startWorld(0)));
after(() => world?.stop());

/** Sends pieces that fill no window evenly, and says what comes back. */
const client = `
import socket, time
raw = socket.create_connection(('127.0.0.1', 3128), 20)
for n in range(100):
    raw.sendall(b'x' * 30001)
    time.sleep(0.001)
raw.shutdown(socket.SHUT_WR)
print(raw.recv(64).decode())`;

liveIn(
  () => world,
  'what a proxy is slow to read arrives whole',
  async ({ docker }) => {
    const container = await docker.createContainer({
      Image: defaultImages.python,
      Entrypoint: ['sleep', '60'],
      HostConfig: { NetworkMode: 'none' },
    });
    try {
      await container.start();
      const link = await attach(container);
      const slow = async (connection: Duplex): Promise<void> => {
        await sleep(500);
        let bytes = 0;
        connection.on('data', (chunk: Buffer) => (bytes += chunk.length));
        connection.on('end', () => connection.end(String(bytes)));
      };
      link.carry({ serve: (connection) => void slow(connection) });
      const sender = await container.exec({
        Cmd: ['python3', '-c', client],
        AttachStdout: true,
        AttachStderr: true,
      });
      const said = await text(await sender.start({}));
      assert.match(said, /3000100\n$/);
    } finally {
      await container.remove({ force: true });
    }
  },
);
