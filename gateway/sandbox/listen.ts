import { once } from 'node:events';
import { chmodSync, rmSync, statSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { GatehouseError } from '../config/index.ts';

/** An address, or the path of a Unix socket that only this user may open. */
export type Listen = { host: string; port: number } | { socket: string };

/**
 * Begins to listen.
 * @returns the URL; `unix:` and the path for a socket
 * @throws GatehouseError `GH-SANDBOX-009` where the address is taken or cannot be had
 */
export async function open(server: Server, listen: Listen): Promise<string> {
  if ('socket' in listen) {
    await freeSocket(listen.socket);
    server.listen(listen.socket);
    await listening(server, listen.socket);
    chmodSync(listen.socket, 0o600);
    return `unix:${listen.socket}`;
  }
  const { host, port } = listen;
  server.listen(port, host);
  await listening(server, `${host} port ${port}`);
  return `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
}

async function listening(server: Server, at: string): Promise<void> {
  try {
    await once(server, 'listening');
  } catch (cause) {
    const { code = 'unknown' } = cause as { code?: string };
    throw new GatehouseError('GH-SANDBOX-009', `The runner cannot listen at ${at} (${code}).`, {
      cause,
      status: 500,
      next: 'Name another --port, or a --socket in a folder that is there and that this user may write to.',
    });
  }
}

/** Removes the socket of a runner that is gone; anything else at that path stays. */
async function freeSocket(path: string): Promise<void> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return;
  const next = 'Name another path with --socket.';
  if (!found.isSocket())
    throw new GatehouseError('GH-SANDBOX-009', `${path} is there and is no socket.`, { next });
  const peer = connect(path);
  const refused = await once(peer, 'connect').then(
    () => false,
    (error: unknown) => (error as { code?: string }).code === 'ECONNREFUSED',
  );
  peer.destroy();
  if (!refused)
    throw new GatehouseError('GH-SANDBOX-009', `${path} is another program’s, which runs.`, { next });
  rmSync(path);
}
