import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export const TOKEN = 'client_token_of_the_test';
export const SIGNING_SECRET = `whsec_${Buffer.from('a signing key of the test, 32 by').toString('base64')}`;

/** What the fake answers to one call: a status and a JSON body, or extra headers. */
export interface Reply {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Call {
  method: string;
  path: string;
  body: Record<string, unknown>;
}

/**
 * A gateway that says what a test tells it to. It refuses calls without the client token and keeps every other one in
 * `calls`; a path without an answer is a 404 problem.
 */
export class FakeGateway {
  readonly calls: Call[] = [];
  readonly answers = new Map<string, (call: Call) => Reply>();
  url = '';
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      void (async () => {
        let text = '';
        for await (const chunk of request) text += String(chunk);
        const call: Call = {
          method: request.method ?? '',
          path: request.url ?? '',
          body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
        };
        const known = request.headers.authorization === `Bearer ${TOKEN}`;
        if (known) this.calls.push(call);
        const {
          status = 200,
          body,
          headers,
        } = known ? this.#answer(call) : { status: 401, body: { code: 'GH-HTTP-401' } };
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(body === undefined ? '' : JSON.stringify(body));
      })();
    });
  }

  #answer(call: Call): Reply {
    const answer = this.answers.get(`${call.method} ${call.path}`);
    return answer
      ? answer(call)
      : { status: 404, body: { code: 'GH-HTTP-404', detail: 'There is nothing here.' } };
  }

  on(route: string, answer: Reply | ((call: Call) => Reply)): void {
    this.answers.set(route, typeof answer === 'function' ? answer : () => answer);
  }

  reset(): void {
    this.calls.length = 0;
    this.answers.clear();
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Standard Webhooks headers over `body`, as the gateway would send them. */
export function signed(
  body: string | Buffer,
  at = Date.now(),
  secret = SIGNING_SECRET,
): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`msg_1.${timestamp}.`).update(body).digest('base64');
  return { 'webhook-id': 'msg_1', 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
