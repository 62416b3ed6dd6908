import type { Request, RequestHandler, Response, Router } from 'express';
import type { z } from 'zod';
import { GatehouseError } from '../config/index.ts';
import { parseBody } from './requests.ts';

/** What a client of the internal API may do. `run` acts under run tokens, `read` reads, `admin` steers. */
export type Scope = 'run' | 'read' | 'admin';

/** The client that made a call. */
export interface Client {
  id: string;
  scopes: string[];
}

/** One route of the internal API: mounted, guarded and documented from this one description. */
export interface Route<Schema extends z.ZodType = z.ZodType> {
  method: 'get' | 'post';
  /** Express path, for example `/v1/approvals/:id`. */
  path: string;
  summary: string;
  scope: Scope;
  body?: Schema;
  /** Shape of the answer, for the documentation. */
  answer?: z.ZodType;
  /** @returns the JSON to answer, or undefined for 204 */
  handle(call: { body: z.output<Schema>; request: Request; client: Client }): Promise<unknown>;
}

/** Keeps the body's type between a route's schema and its handler. */
export function route<Schema extends z.ZodType>(description: Route<Schema>): Route {
  return description;
}

/** Finds the client behind `Authorization: Bearer <token>`; refuses with 401 when there is none. */
export function authenticate(clients: {
  authenticate(token: string): Promise<Client | null>;
}): RequestHandler {
  return async (request, response, next) => {
    const token = /^Bearer ([A-Za-z0-9_-]{16,256})$/.exec(request.get('authorization') ?? '')?.[1];
    const client = token === undefined ? null : await clients.authenticate(token);
    if (!client) {
      throw new GatehouseError(
        'GH-HTTP-401',
        'This call needs a client token that is known and not revoked.',
        {
          status: 401,
          next: 'Set the token of the Gatehouse API credential; `gatehouse up` makes one for n8n.',
        },
      );
    }
    response.locals.client = client;
    next();
  };
}

/** Mounts the routes, each behind `guards` and its scope. */
export function mountRoutes(
  router: Router,
  routes: readonly Route[],
  guards: readonly RequestHandler[],
): void {
  for (const description of routes) {
    const handler = async (request: Request, response: Response): Promise<void> => {
      const client = response.locals.client as Client;
      if (!client.scopes.includes(description.scope)) {
        throw new GatehouseError(
          'GH-HTTP-403',
          `The client ${client.id} lacks the scope ${description.scope}.`,
          {
            status: 403,
          },
        );
      }
      const body: unknown = description.body ? parseBody(description.body, request.body) : undefined;
      const answer = await description.handle({ body, request, client });
      if (answer === undefined) response.status(204).end();
      else response.setHeader('content-type', 'application/json; charset=utf-8').end(JSON.stringify(answer));
    };
    router[description.method](description.path, ...guards, handler);
  }
}
