import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Express } from 'express';
import { GatehouseError } from '../config/index.ts';

/**
 * Starts an HTTP listener.
 * @throws GatehouseError `GH-SERVER-001` when the port is taken, naming the setting that moves it
 */
export async function listen(app: Express, host: string, port: number, setting: string): Promise<Server> {
  const server = createServer(
    { headersTimeout: 15_000, requestTimeout: 60_000, keepAliveTimeout: 65_000 },
    app,
  );
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new GatehouseError('GH-SERVER-001', `Port ${port} on ${host} cannot be used.`, {
      status: 500,
      next: `Stop what uses it, or set ${setting} to a free port.`,
      cause: error,
    });
  }
  return server;
}

/** Stops taking connections, lets requests that are under way finish, and cuts what still lives after `graceMs`. */
export async function close(server: Server, graceMs = 4000): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
