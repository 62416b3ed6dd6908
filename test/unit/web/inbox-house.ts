import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { toProblem } from '../../../gateway/config/index.ts';
import { Signals } from '../../../gateway/db/index.ts';
import { newToken } from '../../../gateway/envelope/index.ts';
import { mountWeb, webErrorPages, type WebDeps } from '../../../gateway/web/index.ts';
import { openHouse, type House } from '../approvals/support.ts';

/** The pages over the real approvals room and its Postgres; only sign-in is kept in memory. */
export interface InboxHouse {
  house: House;
  base: string;
  /** @returns the cookie of a session of this person */
  signIn(principal: string): string;
  get(path: string, principal: string): Promise<{ status: number; text: string }>;
  stop(): Promise<void>;
}

export async function openInbox(): Promise<InboxHouse> {
  const house = await openHouse();
  const { pool, url } = house.database;
  const signals = new Signals(url);
  await signals.start();
  const app = express();
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const base = `http://127.0.0.1:${port}`;
  const sessions = new Map<string, { principal: string; csrf: string }>();
  const deps = {
    publicUrl: base,
    pool,
    signals,
    people: house.people,
    signIn: { session: async (token: string) => sessions.get(token) ?? null },
    approvals: house.approvals,
    problemOf: toProblem,
    log: { error: () => undefined },
  } as unknown as WebDeps;
  const web = mountWeb(app, deps);
  app.use(webErrorPages(deps));
  const signIn = (principal: string): string => {
    const session = newToken('sess');
    sessions.set(session, { principal, csrf: newToken('csrf') });
    return `gatehouse-${port}=${session}`;
  };
  return {
    house,
    base,
    signIn,
    async get(path, principal) {
      const answer = await fetch(`${base}${path}`, {
        headers: { accept: 'text/html', cookie: signIn(principal) },
      });
      return { status: answer.status, text: await answer.text() };
    },
    async stop() {
      web.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await signals.stop();
      await house.close();
    },
  };
}
